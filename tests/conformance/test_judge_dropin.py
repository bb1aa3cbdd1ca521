# SPDX-License-Identifier: MIT
"""The judge in the place of Autobahn's program: test_judge_dropin.py WEBSOCK MUTANT_CLIENT

What scripts that were written for the other one rely on: report directories that are cleared away
while the server runs, reports of runs without a result, specs of other versions.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys

import test_judge_serve as base
from test_judge_serve import HOME, WEBSOCK, WSTEST, Client, Server, report, test

del base.tests[:]


def files_of(out):
    return set(os.listdir(os.path.join(HOME, out)))


def is_whole(out, agents):
    index = report(out)
    assert set(index) == set(agents), index
    for agent in index:
        for entry in index[agent].values():
            name = entry["reportfile"]
            assert report(out, name)["agent"] == agent
            assert name.replace(".json", ".html") in files_of(out), name
    with open(os.path.join(HOME, out, "journal.jsonl"), encoding="utf-8") as f:
        assert {json.loads(line)["case"]["agent"] for line in f} == set(agents)
    assert "index.html" in files_of(out)


def spec(name, **members):
    with open(os.path.join(HOME, name), "w", encoding="utf-8") as f:
        json.dump(members, f)
    return name


def wstest(*args):
    return subprocess.run(["wstest", *args], executable=WSTEST, cwd=HOME, capture_output=True,
                          text=True, timeout=base.LONG, stdin=subprocess.DEVNULL, check=False)


@test
def reports_that_are_cleared_away():
    out, old = os.path.join(HOME, "cleared"), os.path.join(HOME, "moved")
    s = Server("-m", "fuzzingserver", "-u", "0", "-s",
               spec("clients.json", url="ws://127.0.0.1:0", outdir="cleared",
                    cases=["1.1.1", "1.1.2"]), name="wstest")

    def one_more(agent):
        Client(s.port, f"/runCase?case=1&agent={agent}").echo()
        Client(s.port, f"/updateReports?agent={agent}").answer()

    one_more("a")
    is_whole("cleared", "a")
    # Emptied, with a new result and without.
    for name in files_of("cleared"):
        os.unlink(os.path.join(out, name))
    one_more("b")
    is_whole("cleared", "ab")
    for name in files_of("cleared"):
        os.unlink(os.path.join(out, name))
    Client(s.port, "/updateReports?agent=b").answer()
    is_whole("cleared", "ab")
    # Gone, before a case and before a report.
    shutil.rmtree(out)
    one_more("c")
    is_whole("cleared", "abc")
    shutil.rmtree(out)
    Client(s.port, "/updateReports?agent=c").answer()
    is_whole("cleared", "abc")
    # Moved away, and another one in its place that has older files of the same names.
    os.rename(out, old)
    os.mkdir(out)
    for name in os.listdir(old):
        with open(os.path.join(out, name), "w", encoding="ascii") as f:
            f.write("{}")
    Client(s.port, "/runCase?case=2&agent=a").echo()
    Client(s.port, "/updateReports?agent=a").answer()
    is_whole("cleared", "abc")
    assert set(report("cleared")["a"]) == {"1.1.1", "1.1.2"}
    assert set(report("moved")["a"]) == {"1.1.1"}
    # Where it cannot be made, nobody is told that it was.
    shutil.rmtree(out)
    with open(out, "w", encoding="ascii"):
        pass
    Client(s.port, "/updateReports?agent=a").answer()
    os.unlink(out)
    Client(s.port, "/updateReports?agent=a").answer()
    is_whole("cleared", "abc")
    s.stop()
    assert s.lines.count("Report generation complete.") == 7, s.lines
    assert s.lines.count("Report generation has failed.") == 1, s.lines
    assert any("the report directory is gone" in line for line in s.lines), s.lines
    return None


@test
def reports_that_cannot_be_written():
    for rule, code in ("never", 0), ("failed", 3):
        out = "lost_" + rule
        s = Server("-m", "fuzzingserver", "-u", "0", "--exit-code", rule, "-s",
                   spec("lost.json", url="ws://127.0.0.1:0", outdir=out, cases=["1.1.1"]),
                   name="wstest")
        shutil.rmtree(os.path.join(HOME, out))
        with open(os.path.join(HOME, out), "w", encoding="ascii"):
            pass
        Client(s.port, "/runCase?case=1&agent=a").echo()
        s.stopped = code
        s.stop()


@test
def runs_without_a_result():
    server = subprocess.Popen([WEBSOCK, "serve", "ws://127.0.0.1:0"], cwd=HOME, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    base.processes.append(server)
    while not (found := re.search(r"ws://127.0.0.1:(\d+)", server.stdout.readline())):
        pass
    port = found.group(1)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()[1]
        for cases, at, excluded in ((["1.1.1"], nobody, []), ([], port, []),
                                    (["1.1.1"], port, ["1.1.*"])):
            good = spec("servers.json", outdir="stale", cases="1.1.1",
                        servers=[{"url": f"ws://127.0.0.1:{port}", "agent": "mine"}])
            r = wstest("-m", "fuzzingclient", "-s", good)
            assert r.returncode == 0 and set(report("stale")["mine"]) == {"1.1.1"}, r
            bad = spec("servers.json", outdir="stale", cases=cases,
                       servers=[{"url": f"ws://127.0.0.1:{at}", "agent": "mine"}],
                       **{"exclude-agent-cases": {"mine": excluded}})
            r = wstest("-m", "fuzzingclient", "-s", bad)
            assert r.returncode == 0 and report("stale") == {}, (r, report("stale"))
            with open(os.path.join(HOME, "stale", "index.html"), encoding="utf-8") as f:
                assert "mine" not in f.read()
    server.terminate()
    assert server.wait(base.LONG) == 0
    # A client that asks for reports before anything was run.
    with open(os.path.join(HOME, "stale", "index.json"), "w", encoding="ascii") as f:
        f.write('{"old": {}}')
    s = Server("--out", "stale", "--cases", "1.1.1")
    assert report("stale") == {"old": {}}
    Client(s.port, "/updateReports?agent=x").answer()
    assert report("stale") == {}
    s.stop()


@test
def exclusions_of_cases_that_are_not_there():
    s = Server("-m", "fuzzingserver", "-u", "0", "-s",
               spec("older.json", url="ws://127.0.0.1:0", outdir="older", cases="1.1.*",
                    **{"exclude-cases": ["9.9.1", "1.1.2"]}), name="wstest")
    assert Client(s.port, "/getCaseCount").answer() == "7"
    s.stop()
    assert any('no case "9.9.1"' in line for line in s.lines), s.lines
    r = wstest("-m", "fuzzingserver", "-u", "0", "-s",
               spec("wrong.json", url="ws://127.0.0.1:0", cases=["9.9.1"]))
    assert r.returncode == 1 and 'there is no case "9.9.1"' in r.stdout, r


@test
def silence_and_skipped_cases():
    s = Server("-m", "fuzzingserver", "-u", "0", "-s",
               spec("silent.json", url="ws://127.0.0.1:0", outdir="silent", cases=["1.1.1", "9.1.1"],
                    options={"stallSeconds": 0.2}, **{"exclude-agent-cases": {"x": ["1.1.1"]}}),
               name="wstest")
    status = Client(s.port, "/getCaseStatus?case=1&agent=x").answer()
    assert json.loads(status) == {"behavior": "SKIPPED"}, status
    silent = Client(s.port, "/runCase?case=2&agent=x")
    status = Client(s.port, "/getCaseStatus?case=2&agent=x").answer()
    silent.close()
    assert json.loads(status) == {"behavior": "FAILED"}, status
    Client(s.port, "/updateReports?agent=x").answer()
    result = report("silent", "x_case_9_1_1.json")["result"]
    assert result == "Nothing was received or taken for 0.2 seconds.", result
    s.stop()


if __name__ == "__main__":
    sys.exit(base.main())
