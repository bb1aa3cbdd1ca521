#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/verdicts from one end to the other: test_verdicts.py WEBSOCK. Prints TAP.

A few cases against our own server stand for all cases and servers.
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
WEBSOCK = os.path.abspath(sys.argv[1])
MINE = f"mine={WEBSOCK} serve --quiet --io epoll ws://127.0.0.1:{{port}}/"
MARKS = "before\n<!-- verdicts: begin -->\nold\n<!-- verdicts: end -->\nbehind\n"


def verdicts(folder, *args):
    return subprocess.run(
        [sys.executable, os.path.join(HERE, "verdicts"), "--websock", WEBSOCK, "--output", folder,
         "--peer", MINE, *args], capture_output=True, text=True, timeout=200)


def change(path, what):
    with open(path, encoding="utf-8") as f:
        part = json.load(f)
    what(part)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(part, f)


def expect(condition, done):
    assert condition, f"exit code {done.returncode}: {done.stdout} {done.stderr}"


def run_twice(folder):
    done = verdicts(folder, "--servers", "mine", "--parts", "16", "--vitality", "30")
    expect(done.returncode == 0, done)
    expect("\n| 16 masking | 66 / 0 / 0 / 0 / 0 |\n" in done.stdout, done)
    expect("each 2 times" in done.stdout and "No verdict varied" in done.stdout, done)
    expect("| mine | None | none | none |" in done.stdout, done)


def tell_what_varies(folder):
    def fail(part):
        part["results"]["16.1.2"] = ["OK", "FAILED", "because"]
        part["deadly"]["16.1.2"] = -11

    change(os.path.join(folder, "mine-2-16.json"), fail)
    done = verdicts(folder, "--no-run")
    expect("- mine: 16.1.2: OK, then FAILED\n" in done.stdout, done)
    expect("- The process of mine ends in 16.1.2." in done.stdout, done)
    expect("| 16.1.2 |" in done.stdout and "66 / 0 / 0 / 0 / 0" in done.stdout, done)


def write_docs(folder):
    path = os.path.join(folder, "doc.md")
    with open(path, "w", encoding="utf-8") as f:
        f.write(MARKS)
    done = verdicts(folder, "--no-run", "--write-docs", path)
    expect(done.returncode == 0, done)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    expect(text.startswith("before\n<!-- verdicts: begin -->\n") and "old" not in text and
           "| 16 masking |" in text and text.endswith("<!-- verdicts: end -->\nbehind\n"), done)
    with open(path, "w", encoding="utf-8") as f:
        f.write("no marks\n")
    done = verdicts(folder, "--no-run", "--write-docs", path)
    expect(done.returncode == 2 and "marks" in done.stderr, done)


def never_mix(folder):
    change(os.path.join(folder, "mine-2-16.json"), lambda part: part.update(program="another"))
    done = verdicts(folder, "--no-run")
    expect(done.returncode == 2 and "2 programs" in done.stderr, done)


def main():
    tests = [run_twice, tell_what_varies, write_docs, never_mix]
    failed = False
    print(f"1..{len(tests)}")
    with tempfile.TemporaryDirectory() as folder:
        for i, test in enumerate(tests, 1):
            try:
                test(folder)
                print(f"ok {i} - {test.__name__}", flush=True)
            except Exception as e:
                failed = True
                print(f"not ok {i} - {test.__name__}: {str(e).splitlines()[0]}\n# " +
                      str(e).replace("\n", "\n# "), flush=True)
    return failed


sys.exit(main())
