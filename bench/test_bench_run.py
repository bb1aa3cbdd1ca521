#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/run from one end to the other, in little time: test_bench_run.py WEBSOCK BUILD. Prints TAP.

What it measures here means nothing; that it measures, compares and reports is what is looked at.
"""
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import perf_profile  # noqa: E402
import processes  # noqa: E402
import report  # noqa: E402
import scenarios  # noqa: E402

WEBSOCK, BUILD = (os.path.abspath(a) for a in sys.argv[1:3])
MINE = f"mine={WEBSOCK} serve --quiet --io epoll ws://127.0.0.1:{{port}}/"
CHOSEN = ["echo-20-100", "deflate-128"]


class Skip(Exception):
    pass


def run(folder, *args, wanted=0):
    line = [sys.executable, os.path.join(HERE, "run"), "--websock", WEBSOCK, "--build", BUILD,
            "--output", folder, *args]
    done = subprocess.run(line, capture_output=True, text=True, timeout=240)
    assert done.returncode == wanted, f"exit code {done.returncode}: {done.stderr} {done.stdout}"
    return done


def measure(folder, *args, **more):
    return run(folder, "--rounds", "1", "--duration", "0.1", "--warmup", "0.02", *args, **more)


def load(folder):
    with open(os.path.join(folder, "results.json"), encoding="utf-8") as f:
        return json.load(f)


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.text, self.refers = "", []

    def handle_starttag(self, tag, attrs):
        self.refers += [v for k, v in attrs if k in ("src", "href")] + (
            [tag] if tag in ("script", "link", "img") else [])

    def handle_data(self, data):
        self.text += data


def from_end_to_end():
    with tempfile.TemporaryDirectory() as folder:
        measure(folder, "--servers", "websock,websock-epoll,raw-epoll,raw-uring,mine", "--peer",
                MINE, "--reference", "mine", "--scenarios", ",".join(CHOSEN))
        results = load(folder)
        assert [s["key"] for s in results["scenarios"]] == CHOSEN, results["scenarios"]
        assert results["reference"] == "mine"
        echo, deflate = (s["servers"] for s in results["scenarios"])
        for name in ("websock-epoll", "mine", "raw-epoll"):
            assert echo[name]["summary"]["rate"]["median"] > 0, echo
            assert echo[name]["summary"]["cpu"]["median"] > 0, echo
            assert 0 < echo[name]["summary"]["p50"]["median"] <= echo[name]["summary"]["p99"][
                "median"], echo
        assert echo["websock-epoll"]["summary"]["cpu"]["ratio"]["median"] > 0, echo
        assert echo["websock-epoll"]["summary"]["cpu"]["raw_ratio"]["median"] > 0, echo
        assert echo["mine"]["summary"]["cpu"]["ratio"]["median"] == 1, echo
        assert "raw-epoll" not in deflate and "mine" not in deflate, deflate
        assert 2 < deflate["websock-epoll"]["summary"]["wire"]["median"] < 128, deflate
        # The same again, of the file alone.
        docs = os.path.join(folder, "docs.md")
        with open(docs, "w", encoding="utf-8") as f:
            f.write("before\n")
            for name in report.MARKED:
                begin, end = report.marks(name)
                f.write(f"{begin}\nwhat was there\n{end}\nbetween\n")
            f.write("after\n")
        again = os.path.join(folder, "again")
        run(again, "--report", os.path.join(folder, "results.json"), "--write-docs", docs)
        for name in ("results.md", "results.html"):
            with open(os.path.join(folder, name), encoding="utf-8") as a, \
                    open(os.path.join(again, name), encoding="utf-8") as b:
                assert a.read() == b.read(), name
        with open(docs, encoding="utf-8") as f:
            text = f.read()
        assert text.startswith("before\n") and text.endswith("after\n"), text
        assert "what was there" not in text, text
        assert text.count("\nbetween\n") == len(report.MARKED), text
        assert "| Echo: 20 B, 100 connections |" in text, text
        short = text.partition("between")[2]
        assert re.search(r"\| Echo: 20 B, 100 connections \| [\d.]+ \|", short), short
        assert "JSON text of 128 B" not in short and "raw" not in short, short
        done = run(again, "--report", os.path.join(folder, "results.json"), "--write-docs",
                   os.path.join(folder, "results.md"), wanted=2)
        assert "has no lines <!-- figures: begin -->" in done.stderr, done.stderr
        with open(os.path.join(again, "results.html"), encoding="utf-8") as f:
            page = Page()
            page.feed(f.read())
        assert not page.refers, page.refers
        assert "20 B, 100 connections" in page.text and "mine" in page.text


SAMPLES = """
 ffffffffa1 ([kernel.kallsyms])
 ffffffffc2 ([unknown])
 7f01 (/usr/lib/x86_64-linux-gnu/libcrypto.so.3)
 7f02 (/usr/lib/x86_64-linux-gnu/libssl.so.3)
 7f03 (/usr/lib/x86_64-linux-gnu/libc.so.6)
 7f04 (/usr/lib/x86_64-linux-gnu/libisal.so.2.0.30)
 7f05 (/usr/lib/x86_64-linux-gnu/libcares.so.2)
 5501 (/home/a b/(1)/build/websock)
"""


def where_the_time_goes():
    """What perf(1) printed is put in groups; then a profile, where that is allowed."""
    parts, samples = perf_profile.shares(SAMPLES)
    assert samples == 8 and parts == {
        "the kernel": 0.25, "the program, with liburing": 0.25, "OpenSSL": 0.25,
        "the compressor": 0.125, "the C library": 0.125}, parts
    assert perf_profile.calls("# started\n\n4321,,raw_syscalls:sys_enter,99,100.00,,\n") == 4321
    for wrong, text in ((perf_profile.shares, "no sample\n"),
                        (perf_profile.calls, "<not counted>,,raw_syscalls:sys_enter,0,\n")):
        try:
            wrong(text)
        except processes.Failed:
            continue
        raise AssertionError(f"{wrong.__name__} took {text!r}")
    assert perf_profile.told({"missing": "no perf"}) == ("Not looked at: no perf.", [])
    text, rows = perf_profile.told({"seconds": 1, "rows": [], "failures": ["latency, x: gone"]})
    assert text.endswith(" Failed: latency, x: gone.") and len(rows) == 1, (text, rows)
    if perf_profile.missing():
        raise Skip(perf_profile.missing())
    with tempfile.TemporaryDirectory() as folder:
        measure(folder, "--servers", "websock-epoll", "--scenarios", "echo-20-100,latency",
                "--duration", "0.5", "--profile")
        found = load(folder)["profile"]
        assert not found["failures"] and len(found["rows"]) == 2, found
        for row in found["rows"]:
            assert row["samples"] > 20 and abs(sum(row["shares"].values()) - 1) < 1e-9, row
            assert row["shares"]["the kernel"] > 0.2 and row["calls"] > 0.1, row
        for name in ("results.md", "results.html"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                text = f.read()
            assert report.PROFILE in text and "Latency: 1 connection, 20 B" in text, text


def what_fails_is_said_and_the_rest_goes_on():
    with tempfile.TemporaryDirectory() as folder:
        done = measure(folder, "--servers", "websock-epoll,broken", "--peer", "broken=false {port}",
                       "--reference", "broken", "--scenarios", "latency", wanted=1)
        assert "latency, broken: the server ended with code 1" in done.stderr, done.stderr
        servers = load(folder)["scenarios"][0]["servers"]
        assert servers["broken"]["rounds"] == [None] and "failure" in servers["broken"], servers
        summary = servers["websock-epoll"]["summary"]
        assert summary["p50"]["median"] > 0 and summary["p50"]["ratio"] is None, summary
        assert "failed" in done.stdout, done.stdout


def who_ends_it_ends_its_servers():
    if not os.path.exists("/proc/self/task"):
        raise Skip("there is no /proc")
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "run"), "--websock", WEBSOCK, "--build", BUILD,
             "--output", folder, "--duration", "60", "--servers", "websock-epoll", "--scenarios",
             "latency"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started, end = [], time.monotonic() + 120
        while len(started) < 2:  # the server and the generator
            assert process.poll() is None and time.monotonic() < end, "it did not begin"
            time.sleep(0.02)
            started = processes.children(process.pid)
        process.terminate()
        code = process.wait(60)
        assert code == 130, code
        assert not [p for p in started if os.path.exists(f"/proc/{p}")], started


def wrong_usage():
    with tempfile.TemporaryDirectory() as folder:
        for args, word in ((["--scenarios", "nothing"], "no scenario is called nothing"),
                           (["--servers", "nobody"], "no server is called nobody"),
                           (["--peer", "x=run"], "does not say where {port} goes"),
                           (["--peer", "run {port}"], "is not NAME=COMMAND")):
            done = run(folder, *args, wanted=2)
            assert word in done.stderr, done.stderr


def numbers():
    results = {"reference": "r", "servers": [{"name": n, "raw": "t", "ours": n == "o"}
                                             for n in "ort"]}
    cpu = {"o": [2.0, 3.0, 8.0], "r": [4.0, 4.0, 4.0], "t": [1.0, 3.0, 4.0]}
    found = {n: {"rounds": [{"cpu": v} for v in values]} for n, values in cpu.items()}
    found["r"]["rounds"][2] = None  # failed: no ratio of that round
    scenario = next(s for s in scenarios.everything() if s.key == "echo-20-100")
    done = report.digest(scenario, found, results)
    one = done["servers"]["o"]["summary"]["cpu"]
    assert (one["median"], one["min"], one["max"]) == (3, 2, 8), one
    assert one["ratio"] == {"median": 0.625, "min": 0.5, "max": 0.75}, one
    assert one["raw_ratio"] == {"median": 2, "min": 1, "max": 2}, one
    judged = [(t.to, found["o"][1]) for t, found in report.judged(
        {"scenarios": [done]}, done)]
    assert judged == [("reference", True), ("raw", False)], judged
    at_least = scenarios.Target("rate", False, 1.1)
    assert at_least.met(1.1) and not at_least.met(1.09)
    keys = [s.key for s in scenarios.everything()]
    assert len(keys) == len(set(keys)) and all(re.fullmatch(r"[a-z0-9-]+", k) for k in keys), keys
    assert [s.key for s in scenarios.choose(["tls-*"], True)] == ["tls-125", "tls-64k"]


def main():
    tests = [numbers, wrong_usage, from_end_to_end, where_the_time_goes,
             what_fails_is_said_and_the_rest_goes_on, who_ends_it_ends_its_servers]
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for i, test in enumerate(tests, 1):
        name = test.__name__.replace("_", " ")
        try:
            if test is not numbers and not hasattr(os, "sched_setaffinity"):
                raise Skip("cores cannot be chosen here")
            test()
            print(f"ok {i} - {name}", flush=True)
        except Skip as why:
            print(f"ok {i} - {name} # SKIP {why}", flush=True)
        except Exception:  # noqa: BLE001: the other tests go on
            failed += 1
            print(f"not ok {i} - {name}")
            for line in traceback.format_exc().rstrip().splitlines():
                print(f"# {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
