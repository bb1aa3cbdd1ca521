#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a test under memcheck: memcheck.py BUILD VALGRIND PRELOAD PROGRAM [ARG...]

A PROGRAM of the folder BUILD runs under VALGRIND itself. Another one, an interpreter, runs as it is;
but where its arguments name BUILD/websock, it gets a stand-in that starts that under VALGRIND, and
its test fails if any of them said anything. The file PRELOAD is uring_memcheck.c's.
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
    "--num-callers=30", "--fair-sched=try", f"--suppressions={HERE}/memcheck.supp",
]


def stand_in(folder, watch, program):
    """The path of a script for PROGRAM. A link to it that is called wstest starts it as wstest."""
    path = os.path.join(folder, "websock")
    # A file for each process: what the program writes to stderr is the test's.
    line = shlex.join([*watch, f"--log-file={folder}/said-by-%p"])
    os.mkdir(os.path.join(folder, "as"))
    for name in ("websock", "wstest"):
        os.symlink(program, os.path.join(folder, "as", name))
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\nexec {line} {folder}/as/\"${{0##*/}}\" \"$@\"\n")
    os.chmod(path, 0o755)
    return path


def what_was_said(folder):
    for name in sorted(os.listdir(folder)):
        if name.startswith("said-by-"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                yield from f.read().splitlines()


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
        replaced = stand_in(folder, watch, websock)
        if not any(os.path.abspath(a) == websock for a in args):
            print("# memcheck: the program is not among the arguments: nothing of it is watched",
                  file=sys.stderr)
        args = [replaced if os.path.abspath(a) == websock else a for a in args]
        code = subprocess.run([program, *args], check=False).returncode
    finally:
        said = list(what_was_said(folder))
        for text in said:
            print(f"# memcheck: {text}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(99 if said else code)


main()
