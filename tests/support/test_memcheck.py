#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""memcheck.py fails a test for each kind of fault, of a program and of one that a script starts, and
for nothing else. FILE VALGRIND PRELOAD FAULTS"""
import os
import shutil
import subprocess
import sys
import tempfile

MEMCHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "memcheck.py")
VALGRIND, PRELOAD, FAULTS = sys.argv[1:]
# The script itself always passes.
SCRIPT = ["/bin/sh", "-c", '"${1#*=}" serve "$2"; exit 0', "sh"]


def run(build, *line):
    r = subprocess.run([sys.executable, MEMCHECK, build, VALGRIND, PRELOAD, *line], check=False,
                       capture_output=True, text=True, timeout=120)
    return r.returncode, r.stdout


def main():
    build = tempfile.mkdtemp(prefix="memcheck-")
    websock = shutil.copy(FAULTS, os.path.join(build, "websock"))
    other = shutil.copy(FAULTS, os.path.join(build, "other"))
    rows = [(f"a program: {fault}", [websock, fault], 99 if fault != "none" else 0, None)
            for fault in ("none", "beyond", "unset", "leak")]
    rows += [
        ("a script: leak", [*SCRIPT, websock, "leak"], 99, 1),
        ("a script, by name: leak", [*SCRIPT, f"name={other}", "leak"], 99, 1),
        ("a script of something else", [*SCRIPT, "/bin/true", "leak"], 0, 0),
    ]
    print(f"1..{len(rows)}")
    failed = False
    for number, (what, line, code, watched) in enumerate(rows, 1):
        got = run(build, *line)
        ok = got[0] == code and (
            watched is None or f"# memcheck: watched processes: {watched}\n" in got[1])
        failed |= not ok
        print(f'{"" if ok else "not "}ok {number} - {what}')
        if not ok:
            print("".join(f"# {text}\n" for text in str(got).splitlines()), end="")
    shutil.rmtree(build)
    return failed


sys.exit(main())
