#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a test under memcheck: memcheck.py BUILD VALGRIND PRELOAD PROGRAM [ARG...]

A PROGRAM of the folder BUILD runs under VALGRIND itself. Another one, an interpreter, runs as it is;
but where its arguments name BUILD/websock, or give a name to any program (NAME=BUILD/PATH), it gets
a stand-in that starts that under VALGRIND, and its test fails if any of them said anything; it is
told how many there were, for scripts/memcheck. The file PRELOAD is uring_memcheck.c's.
"""
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = "definite,indirect"
OPTIONS = [
    "--quiet", "--leak-check=full", f"--show-leak-kinds={KINDS}", f"--errors-for-leak-kinds={KINDS}",
    "--num-callers=30", "--vgdb=no", "--fair-sched=try", f"--suppressions={HERE}/memcheck.supp",
]
# A handshake of TLS may take longer than what is usual, on both sides: a test's own words come later,
# and count.
PATIENT = """case ${1-} in
serve | connect | bench)
    command=$1
    shift
    set -- "$command" --open-timeout 120s "$@"
    ;;
esac"""


def stand_in(folder, watch, program):
    """The path of a script for PROGRAM. A link to it that is called wstest starts it as wstest."""
    path = os.path.join(folder, os.path.basename(program))
    # A file for each process: what the program writes to stderr is the test's.
    line = shlex.join([*watch, f"--log-file={folder}/said-by-%p"])
    os.makedirs(os.path.join(folder, "as"), exist_ok=True)
    name = os.path.basename(program)
    for called in (name, "wstest") if name == "websock" else (name,):
        os.symlink(program, os.path.join(folder, "as", called))
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'''#!/bin/sh
{PATIENT if program.endswith("/websock") else ""}
exec {line} {folder}/as/"${{0##*/}}" "$@"
''')
    os.chmod(path, 0o755)
    return path


def what_was_said(folder):
    """How many processes there were, and the lines of all of them."""
    names = [name for name in sorted(os.listdir(folder)) if name.startswith("said-by-")]
    lines = []
    for name in names:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
            lines += f.read().splitlines()
    return len(names), lines


def main():
    build, valgrind, preload, program, *args = sys.argv[1:]
    build = os.path.abspath(build)
    watch = [valgrind, *OPTIONS]
    if os.path.exists(preload):
        watch = ["env", f"LD_PRELOAD={preload}", *watch]
    if os.path.abspath(program).startswith(build + os.sep):
        line = [*watch, "--error-exitcode=99", program, *args]
        os.execvp(line[0], line)
    websock = os.path.join(build, "websock")
    folder = tempfile.mkdtemp(prefix="websock-memcheck-")
    # Whoever has taken too long says what there was until then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(98))
    try:
        for i, word in enumerate(args):
            name, given, path = word.rpartition("=")
            path = os.path.abspath(path)
            if path == websock or (given and path.startswith(build + os.sep)
                                   and os.access(path, os.X_OK)):
                args[i] = name + given + stand_in(folder, watch, path)
        code = subprocess.run([program, *args], check=False).returncode
    finally:
        watched, said = what_was_said(folder)
        print(f"# memcheck: watched processes: {watched}")
        for text in said:
            print(f"# memcheck: {text}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(99 if said else code)


main()
