#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/verdicts from one end to the other: test_verdicts.py WEBSOCK. Prints TAP.

A few cases against our own server and client, and against a peer of which it is known what it fails
and what it dies of, stand for all cases and peers.
"""
import collections
import glob
import importlib.machinery
import json
import os
import subprocess
import sys
import tempfile
import time
import types

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import processes  # noqa: E402

WEBSOCK = os.path.abspath(sys.argv[1])
MINE = f"mine={WEBSOCK} serve --quiet --io epoll ws://127.0.0.1:{{port}}/"
FRAIL = f"frail={sys.executable} {os.path.join(HERE, 'frail_peer.py')}"
MARKS = "before\n<!-- verdicts: begin -->\nold\n<!-- verdicts: end -->\nbehind\n"


def start(folder, *args):
    return subprocess.Popen(
        [sys.executable, os.path.join(HERE, "verdicts"), "--websock", WEBSOCK, "--output", folder,
         *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def verdicts(folder, *args):
    process = start(folder, *args)
    try:
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.terminate()  # which ends what it has started
        out, err = process.communicate()
        raise AssertionError(f"it did not end: {out} {err}") from None
    return types.SimpleNamespace(returncode=process.returncode, stdout=out, stderr=err)


def change(path, what):
    with open(path, encoding="utf-8") as f:
        part = json.load(f)
    what(part)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(part, f)


def expect(condition, done):
    assert condition, f"exit code {done.returncode}: {done.stdout} {done.stderr}"


def reported(folder, peer):
    """What the reports say of each case; those of its own process count, which are in a folder that
    ends with its number."""
    found, alone = {}, {}
    for path in glob.glob(os.path.join(folder, f"{peer}-1-16*", "index.json")):
        with open(path, encoding="utf-8") as f:
            cases = json.load(f)[peer]
        for case, result in cases.items():
            failed = "FAILED" in (result["behavior"], result["behaviorClose"])
            of_its_own = os.path.dirname(path).endswith("-" + case) and len(cases) == 1
            (alone if of_its_own else found)[case] = "FAILED" if failed else result["behavior"]
    return {**found, **alone}


def run_twice(folder):
    done = verdicts(folder, "--peer", MINE, "--peers", "mine", "--parts", "16", "--vitality", "30")
    expect(done.returncode == 0, done)
    expect("\n| 16 masking | 66 / 0 / 0 / 0 / 0 |\n" in done.stdout, done)
    expect("each 2 times" in done.stdout and "No verdict varied" in done.stdout, done)
    expect("vitalitySeconds=30." in done.stdout and "threads wanted to run" in done.stdout, done)
    expect("| mine | unknown | none | none |" in done.stdout, done)


def tell_what_varies(folder):
    def fail(part):
        part["results"]["16.1.2"] = ["OK", "FAILED", "because"]

    change(os.path.join(folder, "mine-2-16.json"), fail)
    done = verdicts(folder, "--no-run")
    expect("- mine: 16.1.2: OK, then FAILED\n" in done.stdout, done)
    expect("| 16.1.2 |" in done.stdout and "66 / 0 / 0 / 0 / 0" in done.stdout, done)
    expect("process" not in done.stdout, done)


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
    done = verdicts(folder, "--no-run", "--clients")
    expect(done.returncode == 2 and "results of servers" in done.stderr, done)
    change(os.path.join(folder, "mine-2-16.json"), lambda part: part.update(program="another"))
    done = verdicts(folder, "--no-run")
    expect(done.returncode == 2 and "2 programs" in done.stderr, done)


def tell_what_a_server_dies_of(folder):
    folder = os.path.join(folder, "frail-servers")
    done = verdicts(folder, "--peer", FRAIL + " serve {port}", "--peers", "frail", "--parts", "16",
                    "--rounds", "1", "--vitality", "30")
    expect(done.returncode == 0, done)
    expect("\n| 16 masking | 65 / 0 / 0 / 0 / 1 |\n" in done.stdout, done)
    expect("process ended:\n\n- frail: 16.6.4: signal 6\n" in done.stdout, done)
    expect("| frail | unknown | none | 16.6.4 |" in done.stdout, done)
    said = reported(folder, "frail")
    assert collections.Counter(said.values()) == {"OK": 65, "FAILED": 1}, said


def tell_of_clients(folder):
    folder = os.path.join(folder, "clients")
    done = verdicts(folder, "--clients", "--peer", FRAIL + " visit {port} {agent}", "--peers",
                    "websock,frail", "--parts", "16", "--rounds", "1", "--messages", "20",
                    "--vitality", "30")
    expect(done.returncode == 0, done)
    expect("\n|  | websock | frail |\n" in done.stdout, done)
    expect("\n| 16 masking | 20 / 0 / 0 / 0 / 0 | 18 / 0 / 0 / 0 / 2 |\n" in done.stdout, done)
    expect("process ended:\n\n- frail: 16.2.16: signal 6\n" in done.stdout, done)
    expect("| frail | unknown | none | 16.2.11, 16.2.16 |" in done.stdout, done)
    said = reported(folder, "websock")
    assert collections.Counter(said.values()) == {"OK": 20}, said
    # Its death at a frame that it must not take would be one of the right answers, were it not for
    # the process.
    said = reported(folder, "frail")
    assert len(said) == 20, said
    assert {c: v for c, v in said.items() if v != "OK"} == {
        "16.2.11": "FAILED", "16.2.16": "FAILED"}, said


def load_verdicts():
    path = os.path.join(HERE, "verdicts")
    module = types.ModuleType("verdicts")
    module.__file__ = path
    importlib.machinery.SourceFileLoader("verdicts", path).exec_module(module)
    return module


def notice_who_hangs(folder):
    lines = os.path.join(folder, "lines")
    open(lines, "w").close()
    module = load_verdicts()
    sleeping = ["sleep", "600"]
    with processes.Started(sleeping, None, None, stdin=subprocess.PIPE) as client, \
            processes.Started(sleeping, None, None) as judging:
        found = module.watch(types.SimpleNamespace(hang=0.2), client, judging, 1, lines)
        assert found == "hangs" and judging.poll() == -15 and client.poll() is None, found


def notice_who_swells(folder):
    lines = os.path.join(folder, "lines")
    open(lines, "w").close()
    module = load_verdicts()
    module.verdict_tables.MOST_MEMORY = 64 << 20
    large = [sys.executable, "-c", "import time; a = bytes(range(256)) * (1 << 19); time.sleep(600)"]
    try:
        with processes.Started(large, None, None, stdin=subprocess.PIPE) as client, \
                processes.Started(["sleep", "600"], None, None) as judging:
            found = module.watch(types.SimpleNamespace(hang=60), client, judging, 1, lines)
            assert found == "swells" and judging.poll() == -15 and client.poll() == -9, found
    finally:
        module.verdict_tables.MOST_MEMORY = 4 << 30


def who_ends_it_ends_its_peers(folder):
    for side in ([], ["--clients"]):
        process = start(os.path.join(folder, "ended" + "".join(side)), *side, "--peers",
                        "websock" if side else "websock-epoll", "--parts", "22")
        started, end = [], time.monotonic() + 60
        while len(started) < 2:  # the peer and the judge
            assert process.poll() is None and time.monotonic() < end, "it did not begin"
            time.sleep(0.02)
            started = processes.children(process.pid)
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode == 130, process.returncode
        assert not [p for p in started if os.path.exists(f"/proc/{p}")], started


def main():
    tests = [run_twice, tell_what_varies, write_docs, never_mix, tell_what_a_server_dies_of,
             tell_of_clients, notice_who_hangs, notice_who_swells, who_ends_it_ends_its_peers]
    failed = False
    print(f"1..{len(tests)}")
    with tempfile.TemporaryDirectory() as folder:
        for i, test in enumerate(tests, 1):
            began = time.monotonic()
            try:
                test(folder)
                print(f"ok {i} - {test.__name__}", flush=True)
            except Exception as e:
                failed = True
                print(f"not ok {i} - {test.__name__}: {(str(e) or repr(e)).splitlines()[0]}\n# " +
                      str(e).replace("\n", "\n# "), flush=True)
            print(f"# took {time.monotonic() - began:.1f} s", flush=True)
    return failed


sys.exit(main())
