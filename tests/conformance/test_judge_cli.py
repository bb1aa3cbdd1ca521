# SPDX-License-Identifier: MIT
"""The command "websock test" and the name wstest, from outside: test_judge_cli.py WEBSOCK

Usage errors, what is printed and written, exit codes, other formats, and a run that is killed.
The server under test is the program's own, but for one that breaks rules.
"""
import base64
import contextlib
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import surroundings  # noqa: F401: for what it takes away
from ports import free_port

WEBSOCK = os.path.abspath(sys.argv[1])
HOME = tempfile.mkdtemp(prefix="judge-cli-")
ENV = {k: v for k, v in os.environ.items() if k != "GITHUB_ACTIONS"}
# By a link, as where it is installed: a script that stands in for the program knows no other name.
WSTEST = os.path.join(HOME, "wstest")
os.symlink(WEBSOCK, WSTEST)
# The name that it knows itself by. The stand-in under memcheck has one of its own, which is not told.
AS_WSTEST = os.path.join(os.path.dirname(WEBSOCK), "as", "wstest") \
    if "WSK_TEST_VALGRIND" in os.environ else "/usr/bin/wstest"
PATIENCE = float(os.environ.get("INTEROP_PATIENCE", "1"))
tests, processes = [], []


def test(function):
    tests.append(function)
    return function


def file_of(name):
    return WSTEST if os.path.basename(name) == "wstest" else WEBSOCK


def run(*args, name="websock", cwd=HOME, env=None, timeout=120, stdout=subprocess.PIPE,
        preexec_fn=None):
    return subprocess.run([name, *args], executable=file_of(name), cwd=cwd, env={**ENV, **(env or {})},
                          stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=timeout * PATIENCE,
                          stdin=subprocess.DEVNULL, preexec_fn=preexec_fn)


def judge(*args, **more):
    return run("test", *args, **more)


def wstest(*args, **more):
    return run(*args, name=AS_WSTEST, **more)


def background(*args, name="websock", cwd=HOME, port=None):
    p = subprocess.Popen([name, *args], executable=file_of(name), cwd=cwd, env=ENV,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    processes.append(p)
    for _ in range(500):
        if port is None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert p.poll() is None, "the server ended"
            time.sleep(0.02)
    return p


_good = []


def good_server():
    if not _good:
        port = free_port()
        background("serve", f"ws://127.0.0.1:{port}/*", port=port)
        _good.append(f"ws://127.0.0.1:{port}/")
    return _good[0]


class BadServer:
    """Echoes text without its last octet, calls itself what no one should print, never answers a ping."""

    NAME = "Evil <script>\x1b[31m"

    def __init__(self, name=None):
        self.name = (name or self.NAME.encode())
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def answer(self, s, f):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = f.readline()
            if not line:
                raise OSError
            head += line
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head, re.I).group(1)
        accept = base64.b64encode(hashlib.sha1(
            key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        s.sendall(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nServer: "
                  + self.name + b"\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")

    def serve(self, s):
        try:
            f = s.makefile("rb")
            self.answer(s, f)
            while True:
                first, second = f.read(2)
                n = second & 127
                if n == 126:
                    n = struct.unpack(">H", f.read(2))[0]
                elif n == 127:
                    n = struct.unpack(">Q", f.read(8))[0]
                mask = f.read(4)
                data = bytes(o ^ mask[i % 4] for i, o in enumerate(f.read(n)))
                opcode = first & 15
                if opcode == 8:
                    s.sendall(bytes([0x88, len(data)]) + data)
                    return
                if opcode == 1 and 0 < n < 126:
                    s.sendall(bytes([0x81, n - 1]) + data[:-1])
        except (OSError, ValueError, TypeError):
            pass
        finally:
            s.close()


def write(name, text):
    path = os.path.join(HOME, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def read(*name):
    with open(os.path.join(HOME, *name), encoding="utf-8") as f:
        return f.read()


def one_line(text, *words):
    assert text.count("\n") == 1 and text.endswith("\n"), repr(text)
    for word in words:
        assert word in text, f"no {word!r} in {text!r}"


@test
def usage_errors():
    bad = write("bad.json", "{")
    odd = write("odd.json", '{"cases":["*"],"servers":[{"url":"ws://a"}],"options":{"x":1}}')
    rows = [
        ([], "ws://"),
        (["http://x/"], "http://x/"),
        (["--nonsense", "ws://x/"], "nonsense"),
        (["--cases", "1.1.99", "ws://127.0.0.1:1/"], "1.1.99"),
        (["--jobs", "0", "ws://127.0.0.1:1/"], "jobs"),
        (["--messages", "x", "ws://127.0.0.1:1/"], "messages"),
        (["--spec", "/no/such"], "No such file"),
        (["--spec", bad], "line 1"),
        (["--spec", odd], '"x"'),
        (["--option", "x", "ws://127.0.0.1:1/"], "NAME=VALUE"),
        (["--option", "nonsense=1", "ws://127.0.0.1:1/"], "nonsense"),
        (["--option", "failByDrop=maybe", "ws://127.0.0.1:1/"], "maybe"),
        (["--explain", "99.1"], "99.1"),
        (["--cases", "", "ws://127.0.0.1:1/"], "--cases"),
        (["--explain", ","], "--explain"),
        (["--serve", "a"], '"a"'),
        (["--serve", "ws+unix:/x:/"], "TCP"),
        (["--tap", "--json", "-", "ws://127.0.0.1:1/"], "stdout"),
        (["--rebuild", ".", "--json", "x"], "--json"),
        (["--rebuild", ".", "-c", "1.*"], "--cases"),
        (["--rebuild", ".", "--explain", "1.1.1"], "--explain"),
        (["--rebuild", ".", "-x", "1.*"], "--exclude"),
        (["--rebuild", ".", "--no-report"], "--no-report"),
        (["--rebuild", ".", "--compat"], "--compat"),
        (["--rebuild", ".", "ws://127.0.0.1:1/"], "a URL"),
        (["--serve", "-j", "2", "ws://127.0.0.1:0/"], "--jobs"),
        (["--serve", "--agent", "x", "ws://127.0.0.1:0/"], "--agent"),
        (["--serve", "--origin", "x", "ws://127.0.0.1:0/"], "--origin"),
        (["--serve", "--hostname", "x", "ws://127.0.0.1:0/"], "--hostname"),
        (["--serve", "--cacert", "x", "ws://127.0.0.1:0/"], "--cacert"),
        (["--key", "x", "wss://127.0.0.1:1/"], "--key goes with --cert"),
        (["--serve", "--key", "x", "wss://127.0.0.1:0/"], "--key goes with --cert"),
        (["--junit", "-", "ws://127.0.0.1:1/"], "--junit"),
        (["--insecure", "--cacert", "x", "wss://127.0.0.1:1/"], "--cacert"),
    ]
    for args, word in rows:
        r = judge(*args)
        assert r.returncode == 2, (args, r)
        assert r.stdout == "", (args, r)
        one_line(r.stderr, "websock test: ", word)
    assert not os.path.exists(os.path.join(HOME, "reports"))
    r = run("help", "serve", "x")
    assert r.returncode == 2 and r.stdout == "", r
    one_line(r.stderr, '"x"')
    assert run("help", "serve").returncode == 0


@test
def information():
    r = judge("--list")
    assert r.returncode == 0 and len(r.stdout.splitlines()) == 517, r
    assert [line.split()[0] for line in r.stdout.splitlines()][:2] == ["1.1.1", "1.1.2"]
    r = judge("--list", "--cases", "6.2.*,1.1.1", "--exclude", "6.2.1")
    assert [line.split()[0] for line in r.stdout.splitlines()] == ["1.1.1", "6.2.2", "6.2.3", "6.2.4"]
    # The spec's exclusions, too; those of agents where the agent is known.
    spec = {"servers": [{"url": "ws://localhost", "agent": "a1"}, {"url": "ws://localhost"}],
            "cases": ["1.1.*"], "exclude-cases": ["1.1.1", "1.1.2", "1.1.99"],
            "exclude-agent-cases": {"a1": ["1.1.4"], "*": ["1.1.5"]}}
    write("excludes.json", json.dumps(spec))
    for args, wanted in ([], "34678"), (["--agent", "a1"], "3678"), (["--exclude", "1.1.3"], "4678"), (
            ["--cases", "1.1.1,1.1.4,1.1.6"], "46"):
        r = judge("--list", "-s", "excludes.json", *args)
        assert [line.split()[0] for line in r.stdout.splitlines()] == ["1.1." + c for c in wanted], r
    r = judge("--explain", "6.2.4")
    assert r.returncode == 0 and "6.2.4" in r.stdout and "RFC 6455" in r.stdout, r
    assert "Sent to the server:" in r.stdout, r
    r = judge("--serve", "--explain", "6.2.4")
    assert r.returncode == 0 and "Sent to the client:" in r.stdout, r
    assert judge("--help").returncode == 0


@test
def suites():
    def ids(*args):
        r = judge("--list", *args)
        assert r.returncode == 0, r
        return [line.split()[0] for line in r.stdout.splitlines()]

    # What Autobahn has is what one gets, whatever else there is.
    autobahn = ids()
    assert len(autobahn) == 517 and autobahn == ids("--cases", "*") == ids("--suite", "autobahn")
    assert ids("--cases", "1*") == [i for i in autobahn if i.startswith("1")]
    hello = ids("--suite", "handshake")
    assert len(hello) > 150 and all(i.startswith("14.") for i in hello), hello
    clients = ids("--suite", "handshake", "--serve", "ws://localhost")
    assert len(clients) > 100 and all(i.startswith("15.") for i in clients), clients
    assert ids("--cases", "14.*") == ids("--cases", "1[45].*") == hello
    assert ids("--suite", "handshake", "--exclude", "14.[2-9].*,14.1*") == []
    assert ids("--suite", "handshake", "--cases", "1.1.1") == ["1.1.1", *hello]
    everything = ids("--suite", "all")
    assert everything[:517] == autobahn and set(hello) < set(everything)
    assert ids("--suite", "autobahn,handshake") == [*autobahn, *hello]
    r = judge("--list", "--suite", "handshakes")
    assert r.returncode == 2, r
    one_line(r.stderr, '"handshakes"', "masking")
    r = judge("--list", "--suite", ",")
    assert r.returncode == 2, r
    r = judge("--explain", "21.4.5,22.2.1")
    assert "go on only if permessage-deflate is agreed on" in r.stdout, r
    assert "wait until the peer ends the connection, for 1 times --patience" in r.stdout, r
    r = judge("--explain", "14.8.4,15.1.4")
    assert "Afterwards an ordinary connection is answered" in r.stdout, r
    assert "Connection: keep-alive, Upgrade" in r.stdout and "CVE" not in r.stderr, r
    spec = os.path.join(HOME, "extra.json")
    with open(spec, "w", encoding="ascii") as f:
        json.dump({"outdir": "./extra", "servers": [{"url": good_server()}],
                   "cases": ["14.4.*", "14.1.1"], "exclude-cases": [],
                   "exclude-agent-cases": {}}, f)
    r = judge("--spec", spec, "--quiet")
    assert r.returncode in (0, 1), r
    with open(os.path.join(HOME, "extra", "index.json"), encoding="utf-8") as f:
        results = next(iter(json.load(f).values()))
    assert len(results) == 17 and results["14.1.1"]["behavior"] == "OK", results
    with open(os.path.join(HOME, "extra", "index.html"), encoding="utf-8") as f:
        page = f.read()
    assert "17 cases of RFC" not in page and "Upgrade and Connection" in page
    assert "Valid sequences" not in page and "14.4.16" in page


@test
def process_that_is_not_there():
    gone = subprocess.Popen(["true"])
    gone.wait()
    for more in ((f"ws://127.0.0.1:{free_port()}",), ("--serve", "ws://127.0.0.1:0")):
        r = judge(*more, "--pid", str(gone.pid))
        assert (r.returncode, r.stdout) == (2, ""), r
        assert r.stderr == f"websock test: --pid {gone.pid}: there is no such process\n", r


@test
def nothing_to_run():
    r = judge(f"ws://127.0.0.1:{free_port()}/", "--cases", "1.1.*", "--out", "dead")
    assert r.returncode == 3, r
    one_line(r.stderr, "cannot be reached", "127.0.0.1")
    r = judge(good_server(), "--cases", "1.1.1", "--exclude", "1.*", "--out", "none")
    assert r.returncode == 3, r
    r = judge(good_server(), "--cases", "1.1.1", "--out", "/dev/null/x")
    assert r.returncode == 3, r
    one_line(r.stderr, "/dev/null/x")
    # Said before the run, not after it.
    dead = f"wss://127.0.0.1:{free_port()}/"
    for args in (["--junit", "nodir/x"], ["--json", "nodir/x"]):
        r = judge(dead, "--cases", "1.1.1", *args)
        assert r.returncode == 3, r
        one_line(r.stderr, "cannot write nodir/x: No such file or directory")
    for args in (["--cacert", "/nope"], ["--cert", "/nope"], ["--cert", WEBSOCK]):
        r = judge(dead, "--cases", "1.1.1", *args)
        assert r.returncode == 3, r
        one_line(r.stderr, args[1] + " cannot be used: " + ("No such file" if args[1] == "/nope" else ""))
    r = judge("--serve", "wss://127.0.0.1:0/", "--cert", "/nope")
    assert r.returncode == 3, r
    one_line(r.stderr, "/nope cannot be used: No such file")


@test
def one_of_two():
    dead = f"ws://127.0.0.1:{free_port()}/"
    for urls in ((good_server(), dead), (dead, good_server())):
        r = judge(*urls, "--cases", "1.1.1", "--no-report")
        assert r.returncode == 1 and "1 passed" in r.stdout, r
        one_line(r.stderr, "cannot be reached", dead)


@test
def two_of_one_name():
    bad = BadServer()
    for name, urls in ("bad_first", (bad.url, good_server())), ("good_first", (good_server(), bad.url)):
        r = judge(*urls, "--cases", "1.1.2,1.1.3", "--agent", "Same", "--out", name)
        assert r.returncode == 1, r
        one_line(r.stderr, '"Same"', urls[1], '"Same 2"')
        index = json.loads(read(name, "index.json"))
        assert {a: c["1.1.2"]["behavior"] == "FAILED" for a, c in index.items()} == {
            "Same": name == "bad_first", "Same 2": name == "good_first"}, index
        assert index["Same 2"]["1.1.3"]["reportfile"] == "same_2_case_1_1_3.json", index
        # Autobahn's way: the last one's are what stays. What failed has failed all the same.
        r = judge(*urls, "--cases", "1.1.2", "--agent", "Same", "--compat", "--out", name)
        assert r.returncode == 1 and r.stderr == "", r
        assert list(json.loads(read(name, "index.json"))) == ["Same"], r
    bad.listener.close()


@test
def names_that_are_no_text():
    """Octets that are shown alike are one name, a NUL hides nothing, "::" commands no CI."""
    for names, shown in (((b"Caf\xe9", "Caf\xe9".encode()), "Caf\xe9"), ((b"a\0b", b"a\0c"), None),
                         ((b"::stop-commands::x", b" ::error::"), None)):
        peers = [BadServer(n) for n in names]
        r = judge(peers[0].url, peers[1].url, "--cases", "1.1.2", "--out", "odd",
                  env={"GITHUB_ACTIONS": "true"})
        assert r.returncode == 1, r
        index = json.loads(read("odd", "index.json"))
        assert len(index) == 2, index
        assert shown is None or set(index) == {shown, shown + " 2"}, index
        case = json.loads(read("odd", next(iter(index.values()))["1.1.2"]["reportfile"]))
        assert b"\0" not in names[0] or "Server: a\ufffdb\r\n" in case["httpResponse"], case
        commands = re.findall(r"^\s*::(\S+)", r.stdout, re.M)
        assert commands == ["error", "error"], r.stdout
        for p in peers:
            p.listener.close()


@test
def times_that_are_none():
    """Less than a timer can count is 1 ms, and what is more than anybody waits is for ever."""
    for option in "autoPingInterval=1e-9", "openHandshakeTimeout=1e300", "closeHandshakeTimeout=1e300":
        r = judge(good_server(), "--cases", "1.1.1,5.1", "--no-report", "--option", option, timeout=60)
        assert r.returncode == 0 and "2 passed" in r.stdout, r
    r = judge(good_server(), "--cases", "1.1.2", "--no-report", "--option", "maxMessagePayloadSize=1e300")
    assert r.returncode == 0, r


@test
def dead_run_writes_nothing():
    files = ["--out", "kept", "--junit", "kept.xml", "--json", "kept.jsonl", "--cases", "1.1.1"]
    dead = f"ws://127.0.0.1:{free_port()}/"
    r = judge(dead, *files)
    assert r.returncode == 3, r
    assert not os.path.exists(os.path.join(HOME, "kept")), os.listdir(HOME)
    assert not os.path.exists(os.path.join(HOME, "kept.xml"))

    def content():
        names = [("kept", n) for n in sorted(os.listdir(os.path.join(HOME, "kept")))]
        return {n: read(*n) for n in [*names, ("kept.xml",), ("kept.jsonl",)]}

    assert judge(good_server(), *files, "--agent", "A").returncode == 0
    before = content()
    assert ("kept", "journal.jsonl") in before and all(before.values()), before
    assert judge(dead, *files).returncode == 3
    assert content() == before
    # Nor does one whose files are in a directory that is not there yet leave it behind.
    inside = ["--out", "fresh", "--junit", "fresh/x.xml", "--cases", "1.1.1"]
    assert judge(dead, *inside).returncode == 3
    assert not os.path.exists(os.path.join(HOME, "fresh"))
    r = judge(good_server(), *inside, "--json", "fresh/x.jsonl")
    assert r.returncode == 0 and {"x.xml", "x.jsonl", "index.json"} <= set(
        os.listdir(os.path.join(HOME, "fresh"))), r
    # One that is run replaces it.
    assert judge(good_server(), *files, "--agent", "B").returncode == 0
    after = content()
    assert list(json.loads(after["kept", "index.json"])) == ["B"]
    for n in ("kept", "journal.jsonl"), ("kept.jsonl",):
        assert after[n].count("\n") == 1, after[n]


@test
def good_run():
    r = judge(good_server(), "--cases", "1.1.1,2.*,12.1.1", "--messages", "3", "--agent", "It",
              "--out", "good", "--junit", "good.xml", "--json", "good.jsonl")
    assert r.returncode == 0, r
    assert r.stderr == "", r
    assert "13 cases: 13 passed" in r.stdout and "good/index.html" in r.stdout, r.stdout
    assert "\x1b" not in r.stdout and "\r" not in r.stdout  # no terminal, no colours
    index = json.loads(read("good", "index.json"))
    assert list(index) == ["It"] and len(index["It"]) == 13
    case = json.loads(read("good", index["It"]["12.1.1"]["reportfile"]))
    assert len(case) == 39 and case["trafficStats"]["outgoingWebSocketMessages"] == 3
    # The layout is that of json.dumps, but for the numeric order of the statistics.
    text = read("good", "index.json")
    assert text == json.dumps(index, sort_keys=True, indent=3, separators=(",", ": "))
    for name in index["It"].values():
        text = read("good", name["reportfile"])
        value = json.loads(text)
        for key in value:
            if re.fullmatch("[rt]x(Frame|Octet)Stats", key):
                assert list(value[key]) == sorted(value[key], key=int)
        again = json.dumps(value, indent=3, separators=(",", ": "))
        assert text == again and list(value) == sorted(value)
    suite = xml.parse(os.path.join(HOME, "good.xml")).getroot()[0]
    assert suite.get("tests") == "13" and suite.get("failures") == "0" and len(suite) == 13
    lines = [json.loads(line) for line in read("good.jsonl").splitlines()]
    assert len(lines) == 13 and not any(line["failed"] for line in lines)
    summary = json.loads(read("good", "summary.json"))
    assert summary["agents"]["It"]["scaled"] is True and summary["agents"]["It"]["failed"] == 0
    assert len(read("good", "journal.jsonl").splitlines()) == 13


@test
def bad_run():
    bad = BadServer()
    r = judge(bad.url, "--cases", "1.1.2,2.1", "--out", "bad", "--junit", "bad.xml",
              env={"GITHUB_ACTIONS": "true"})
    assert r.returncode == 1, r
    assert "\x1b" not in r.stdout, r.stdout
    assert "0 passed, 2 failed" in r.stdout, r.stdout
    failed = r.stdout[r.stdout.index("Failed:"):]
    assert re.search(r"^  1\.1\.2 +FAILED: .+\n +<- .+$", failed, re.M), failed
    assert len(re.findall("^::error title=WebSocket case ", r.stdout, re.M)) == 2, r.stdout
    for name in ("index.html", "evil__script___31m_case_1_1_2.html"):
        page = read("bad", name)
        assert page.count("<script") == 1 and "\x1b" not in page, name
    suite = xml.parse(os.path.join(HOME, "bad.xml")).getroot()[0]
    assert suite.get("failures") == "2" and "<script>" in suite.get("name")
    r = judge(bad.url, "--cases", "1.1.2", "--out", "bad", "--quiet")
    assert r.returncode == 1 and r.stdout == "" and r.stderr == "", r
    bad.listener.close()


@test
def tap():
    r = judge(good_server(), "--cases", "1.1.*", "--tap", "--no-report")
    assert r.returncode == 0, r
    lines = r.stdout.splitlines()
    assert lines[0] == "TAP version 13" and lines[-1] == "1..8", lines
    assert [line.split()[1] for line in lines[1:-1]] == [str(i) for i in range(1, 9)]
    assert all(line.startswith("ok ") for line in lines[1:-1])
    assert "8 cases: 8 passed" in r.stderr
    r = judge(good_server(), "--cases", "1.1.*", "--json", "-", "--no-report", "--quiet")
    assert len([json.loads(line) for line in r.stdout.splitlines()]) == 8


def small_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


@test
def full_disk():
    """What passes is no success where the report is not whole."""
    for options in ["--out", "crammed"], ["--no-report", "--junit", "crammed.xml"]:
        r = judge(good_server(), "--suite", "ping", *options, preexec_fn=small_files)
        assert r.returncode == 3, r
        assert "cannot be written" in r.stderr and "149 passed" in r.stdout, r
    for option in ["--tap"], ["--json", "-"]:
        with open("/dev/full", "w", encoding="ascii") as full:
            r = judge(good_server(), "--cases", "1.1.*", "--no-report", *option, stdout=full)
        assert r.returncode == 3, r
        assert r.stderr.count("cannot be written") == 1, r


@test
def few_descriptors():
    """What the judge itself is short of is no fault of the server."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (96, hard), (96, 96):
        r = judge(good_server(), "--cases", "1.*,2.*,3.*,4.*,5.*,6.*", "--jobs", "200", "--out", "few",
                  preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_NOFILE, limit))
        assert r.returncode == 0, r
        if limit[1] == 96:
            # Memcheck takes some of them.
            one_line(r.stderr, "--jobs 200: the limit of open files leaves room for ")
        elif hard >= 1024:
            assert r.stderr == "", r


@test
def all_left_out():
    spec = write("leaves.json", json.dumps({
        "outdir": "./leaves", "cases": ["1.1.1"], "exclude-agent-cases": {"A": ["1.*"]},
        "servers": [{"agent": "A", "url": good_server()}]}))
    r = judge("--spec", spec)
    assert r.returncode == 3, r
    one_line(r.stderr, good_server(), "the spec leaves out all cases for it")


@test
def spec_run():
    url = good_server()
    spec = write("two.json", json.dumps({
        "outdir": "./two", "cases": ["1.1.*", "2.1"], "exclude-cases": ["1.1.8"],
        "exclude-agent-cases": {"B*": ["1.1.2"]}, "webport": 8080,
        "servers": [{"agent": "A", "url": url}, {"agent": "B b", "url": url, "options": {"version": 18}}]}))
    r = judge("--spec", spec)
    assert r.returncode == 0, r
    index = json.loads(read("two", "index.json"))
    assert set(index) == {"A", "B b"}
    assert set(index["A"]) - set(index["B b"]) == {"1.1.2"} and len(index["A"]) == 8
    assert index["B b"]["2.1"]["reportfile"] == "b_b_case_2_1.json"
    # What the command line says counts more.
    r = judge("--spec", spec, "--cases", "1.1.1", "--out", "three")
    assert r.returncode == 0 and len(json.loads(read("three", "index.json"))["A"]) == 1, r
    spec = write("more.json", json.dumps({
        "outdir": "./more", "cases": ["1.1.2"], "options": {"maskClientFrames": False},
        "servers": [{"agent": "A", "url": url, "origin": "http://spec", "protocols": ["s"]},
                    {"agent": "B", "url": url, "options": {"maskClientFrames": False}}]}))
    assert judge("--spec", spec).returncode == 1
    mine = url.replace("ws", "http").rstrip("/")
    r = judge("--spec", spec, "--option", "maskClientFrames=true", "--option", "tcpNoDelay=true",
              "--agent", "C", "--origin", mine, "--protocol", "p")
    index = json.loads(read("more", "index.json"))
    assert r.returncode == 0 and list(index) == ["C", "C 2"], (r, index)
    for agent in index.values():
        request = json.loads(read("more", agent["1.1.2"]["reportfile"]))["httpRequest"]
        assert f"Origin: {mine}\r\n" in request and "-Protocol: p\r\n" in request, request
    # A URL takes the place of the spec's servers, and has its options.
    assert judge("--spec", spec, url, "--no-report").returncode == 1
    assert judge("--spec", spec, url, "--option", "maskClientFrames=true",
                 "--no-report").returncode == 0


@test
def skipped_beside_an_attack():
    """A case that is left out ends while the result of another one waits for its last look."""
    class Slow(BadServer):
        def __init__(self):
            self.lock, self.n = threading.Lock(), 0
            self.probed, self.skipped = threading.Event(), threading.Event()
            super().__init__()

        def serve(self, s):
            with self.lock:
                self.n += 1
                n = self.n
            with contextlib.suppress(OSError), s, s.makefile("rb") as f:
                if n > 2:
                    self.probed.set()
                    self.skipped.wait(20)
                    time.sleep(0.2)
                self.answer(s, f)
                if n == 1:
                    f.read(2)
                    self.probed.wait(20)
                    s.sendall(b"\x88\0")
                    self.skipped.set()
                f.read()

    slow = Slow()
    spec = write("lose.json", json.dumps({
        "outdir": "./lose", "cases": ["5.19", "19.9.1"], "exclude-agent-cases": {"L": ["5.19"]},
        "options": {"closeHandshakeTimeout": 30, "vitalitySeconds": 30, "openHandshakeTimeout": 30},
        "servers": [{"agent": "L", "url": slow.url}]}))
    r = judge("--spec", spec, "--jobs", "8")
    assert slow.n >= 3 and list(json.loads(read("lose", "index.json"))["L"]) == ["19.9.1"], r
    slow.listener.close()


@test
def strict():
    bad = BadServer()
    ok = judge(good_server(), "--cases", "1.1.1", "--strict", "--no-report")
    assert ok.returncode == 0, ok
    # Without permessage-deflate a case is unimplemented: no failure, but not strict.
    lax = judge(bad.url, "--cases", "12.1.1", "--no-report")
    tight = judge(bad.url, "--cases", "12.1.1", "--strict", "--no-report")
    assert "1 unimplemented" in lax.stdout, lax
    assert (lax.returncode, tight.returncode) == (0, 1), (lax, tight)
    bad.listener.close()


@test
def tls():
    port = free_port()
    background("serve", f"wss://127.0.0.1:{port}/*", "--tls-self-signed", port=port)
    url = f"wss://127.0.0.1:{port}/"
    r = judge(url, "--cases", "1.1.1", "--out", "tls1")
    assert r.returncode == 3, r  # nobody vouches for the certificate
    r = judge(url, "--cases", "1.1.*", "--out", "tls2", "--insecure")
    assert r.returncode == 0, r
    spec = write("tls.json", json.dumps({"outdir": "./tls3", "cases": ["1.1.1"],
                                         "servers": [{"agent": "T", "url": url}]}))
    assert judge("--spec", spec).returncode == 0  # specs do not verify, as in Autobahn


@test
def killed():
    url = good_server()
    p = background("test", url, "--out", "killed", "--cases", "1.*,2.*,3.*,4.*,5.*,6.4.*", "--jobs",
                   "1", "--agent", "K")
    journal = os.path.join(HOME, "killed", "journal.jsonl")
    for _ in range(int(1000 * PATIENCE)):
        if os.path.exists(journal) and read("killed", "journal.jsonl").count("\n") >= 20:
            break
        time.sleep(0.01)
    p.kill()
    p.wait()
    processes.remove(p)
    whole = [line for line in read("killed", "journal.jsonl").split("\n") if line]
    assert len(whole) >= 20
    assert not os.path.exists(os.path.join(HOME, "killed", "index.json"))
    r = judge("--rebuild", "killed")
    assert r.returncode == 0, r
    index = json.loads(read("killed", "index.json"))
    assert len(index["K"]) == len(whole), (len(index["K"]), len(whole))
    with open(journal, "a", encoding="ascii") as f:
        f.write('{"case": {"agent": "x')
    r = judge("--rebuild", "killed")
    assert r.returncode == 3, r
    one_line(r.stderr, "is left out")
    r = judge("--rebuild", "nothing-here")
    assert r.returncode == 3, r
    one_line(r.stderr, "nothing-here")
    assert not os.path.exists(os.path.join(HOME, "nothing-here"))


@test
def two_runs_into_one_directory():
    first = subprocess.Popen([WEBSOCK, "test", "--serve", "ws://127.0.0.1:0", "--out", "held"], cwd=HOME,
                             env=ENV, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        while not first.stdout.readline().startswith("Ok, will run"):
            assert first.poll() is None
        args = [good_server(), "--cases", "1.1.1", "--agent", "H", "--out", "held"]
        r = judge(*args)
        assert (r.returncode, r.stdout) == (3, ""), r
        one_line(r.stderr, '"held"', "another run")
        assert os.listdir(os.path.join(HOME, "held")) == []
        assert judge(*args, "--compat").returncode == 0  # as Autobahn does it
    finally:
        first.terminate()
        first.communicate()
    assert judge(*args).returncode == 0


@test
def interrupted():
    p = subprocess.Popen([WEBSOCK, "test", good_server(), "--out", "stopped", "--cases", "6.4.*,5.19",
                          "--jobs", "1", "--agent", "S"], cwd=HOME, env=ENV,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    journal = os.path.join(HOME, "stopped", "journal.jsonl")
    for _ in range(int(1000 * PATIENCE)):
        if os.path.exists(journal) and read("stopped", "journal.jsonl").count("\n") >= 1:
            break
        time.sleep(0.01)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=30 * PATIENCE)
    assert p.returncode == 130, (p.returncode, out, err)
    assert "stopped after" in err, err
    # What was done by then is in the reports.
    assert len(json.loads(read("stopped", "index.json"))["S"]) >= 1


@test
def wstest_command_line():
    rows = [
        ([], "a mode must be specified to run!"),
        (["-m", "nonsense"], "Mode 'nonsense' is invalid.\nAvailable modes:\n\t- broadcastclient\n"),
        (["-m", "echoserver"], "mode needs a WebSocket URI!"),
        (["-m", "echoserver", "-w", "wss://127.0.0.1:0"], "wss needs --key and --cert"),
        (["--mode=echoclient"], "mode needs a WebSocket URI!"),
        (["-m", "fuzzingserver", "-u", "70000"], "invalid Web port 70000"),
        (["-m", "serializer"], "not supported"),
        (["--nonsense"], "option --nonsense not recognized"),
        (["--w", "x"], "not a unique prefix"),
        (["-m"], "requires argument"),
    ]
    for args, text in rows:
        r = wstest(*args)
        assert r.returncode == 1, (args, r)
        assert r.stderr == "", (args, r)
        assert r.stdout.startswith(f"{AS_WSTEST} ") and text in r.stdout, (args, r)
        assert r.stdout.endswith(f"\n\nTry {AS_WSTEST} --help for usage details\n"), (args, r)
    r = wstest("-a")
    assert r.returncode == 0
    assert re.fullmatch(r"Autobahn \S+\nAutobahnTestSuite [^\n]+\n", r.stdout), r
    for option in ("--version", "--help", "--autobahnv"):
        assert wstest(option).returncode == 0, option
    assert "  serializer (not supported)\n" in wstest("--help").stdout


@test
def wstest_fuzzingclient():
    where = os.path.join(HOME, "implicit")
    os.mkdir(where)
    # No spec: one is written, and then used. Who listens on its port is not known here.
    p = subprocess.Popen(["wstest", "-m", "fuzzingclient"], executable=WSTEST, cwd=where, env=ENV,
                         stdout=subprocess.PIPE, text=True)
    lines = [p.stdout.readline() for _ in range(8)]
    p.kill()
    p.communicate()
    assert lines[:3] == ["Auto-generating spec file 'fuzzingclient.json'\n",
                         f"Loading spec from {os.path.realpath(where)}/fuzzingclient.json\n", "\n"], lines
    assert "Ok, will run 517 test cases against 1 servers\n" in lines, lines
    assert lines[7].startswith("Cases = ['1.1.1', '1.1.2'"), lines
    assert json.load(open(os.path.join(where, "fuzzingclient.json")))["cases"] == ["*"]
    bad = BadServer()
    write("implicit/fuzzingclient.json", json.dumps({
        "outdir": "./r", "cases": ["1.1.2", "1.1.1"], "exclude-agent-cases": {"B": ["1.1.1"]},
        "options": {"failByDrop": False},
        "servers": [{"agent": "A", "url": good_server()}, {"agent": "B", "url": bad.url}]}))
    r = wstest("-mfuzzingclient", cwd=where)
    assert r.returncode == 0, r  # though cases failed
    assert r.stdout.startswith("Using implicit spec file 'fuzzingclient.json'\n"), r.stdout
    for line in ("Ok, will run 2 test cases against 2 servers", "Cases = ['1.1.1', '1.1.2']",
                 "Running test case ID 1.1.1 for agent A from peer ",
                 "Skipping test case 1.1.1 for agent B by test configuration!"):
        assert "\n" + line in r.stdout, (line, r.stdout)
    index = json.loads(read("implicit", "r", "index.json"))
    assert index["B"]["1.1.2"]["behavior"] == "FAILED" and index["A"]["1.1.2"]["behavior"] == "OK"
    # The way a script of long standing looks at it.
    squashed = re.sub("},!", "\n", read("implicit", "r", "index.json").replace("\n", "!"))
    assert [line for line in squashed.split("\n") if '"behavior": "FAILED"' in line]
    r = wstest("--mo", "fuzzingclient", "--exit-code", "failed", cwd=where)
    assert r.returncode == 1, r
    write("implicit/same.json", json.dumps({
        "outdir": "./same", "cases": ["1.1.2"],
        "servers": [{"agent": "A", "url": bad.url}, {"agent": "A", "url": good_server()}]}))
    r = wstest("-m", "fuzzingclient", "-s", "same.json", cwd=where)
    index = json.loads(read("implicit", "same", "index.json"))
    assert r.returncode == 0 and index["A"]["1.1.2"]["behavior"] == "OK" and len(index) == 1, (r, index)
    # What failed has failed, whoever has the name then.
    r = wstest("-m", "fuzzingclient", "-s", "same.json", "--exit-code", "failed", cwd=where)
    assert r.returncode == 1, r
    write("implicit/broken.json", "{")
    r = wstest("-m", "fuzzingclient", "-s", "broken.json", cwd=where)
    assert r.returncode == 1 and "Using explicit spec file 'broken.json'" in r.stdout, r
    bad.listener.close()


@test
def wstest_runs_without_a_whole_report():
    spec = write("crammed.json", json.dumps({
        "outdir": "./crammed_too", "cases": ["1.1.*"], "servers": [{"agent": "A", "url": good_server()}]}))
    for rule, code in ("never", 0), ("failed", 3), ("strict", 3):
        r = wstest("-m", "fuzzingclient", "-s", spec, "--exit-code", rule, preexec_fn=small_files)
        assert r.returncode == code and "cannot be written" in r.stdout, r
    spec = write("ended.json", json.dumps({
        "outdir": "./ended", "cases": ["6.4.*", "5.19"],
        "servers": [{"agent": "A", "url": good_server()}]}))
    for rule, code in ("never", 0), ("failed", 128 + signal.SIGTERM):
        p = subprocess.Popen(["wstest", "-m", "fuzzingclient", "-s", spec, "--jobs", "1",
                              "--exit-code", rule], executable=WSTEST, cwd=HOME, env=ENV,
                             stdout=subprocess.PIPE, text=True)
        while not p.stdout.readline().startswith("Running test case ID 6.4.2"):
            assert p.poll() is None
        p.terminate()
        out = p.communicate(timeout=30 * PATIENCE)[0]
        assert p.returncode == code, (p.returncode, out)


@test
def wstest_servers():
    for mode, deflate in (("echoserver", False), ("testeeserver", True)):
        port = free_port()
        background("-m", mode, "-w", f"ws://localhost:{port}", "-i", "Ident", name="wstest", port=port)
        r = judge(f"ws://localhost:{port}", "--cases", "1.*,7.*,12.1.1", "--messages", "2", "--out",
                  mode)
        assert r.returncode == 0, r
        assert ("unimplemented" in r.stdout) != deflate, r.stdout
        assert list(json.loads(read(mode, "index.json"))) == ["Ident" if deflate else "websock/"
                                                             + run("--version").stdout.split()[1]]
        r = wstest("-m", mode, "-w", f"ws://localhost:{port}", "-k", "x")
        assert r.returncode == 1 and "in use" in r.stdout, r
        assert "Warning: --key has no effect" in r.stdout, r
    port, web = free_port(), free_port()
    background("-m", "broadcastserver", "-w", f"ws://127.0.0.1:{port}", "-u", str(web), name="wstest",
               port=web)
    p = subprocess.Popen(["wstest", "-m", "broadcastclient", "-w", f"ws://127.0.0.1:{port}"],
                         executable=WSTEST, cwd=HOME, stdout=subprocess.PIPE, text=True)
    late = threading.Timer(60, p.kill)
    late.start()
    lines = [p.stdout.readline() for _ in range(2)]
    late.cancel()
    p.terminate()
    p.communicate()
    assert p.returncode == 0, p.returncode
    assert any(re.fullmatch(r"received:  hello from .+\[\d+\]\n", line) for line in lines), lines
    assert any(re.fullmatch(r"received:  tick \d+\n", line) for line in lines), lines
    with socket.create_connection(("127.0.0.1", web)) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        page = s.makefile("rb").read()
    assert page.startswith(b"HTTP/1.1 200") and f'"ws://127.0.0.1:{port}"'.encode() in page


@test
def wstest_massconnect():
    port = free_port()
    background("-m", "echoserver", "-w", f"ws://127.0.0.1:{port}", name="wstest", port=port)
    where = os.path.join(HOME, "mass")
    os.mkdir(where)
    write("mass/massconnect.json", json.dumps({
        "options": {"connections": 120, "batchsize": 50, "batchdelay": 1, "retrydelay": 1},
        "servers": [{"name": "M", "uri": f"ws://127.0.0.1:{port}"}]}))
    r = wstest("-m", "massconnect", cwd=where)
    assert r.returncode == 0, r
    assert re.search(rf"^\.\.\.\nconnected 120 clients to M at ws://127.0.0.1:{port} in [\d.]+ seconds "
                     r"\(retries 0 = failed 0 \+ lost 0\)$", r.stdout, re.M), r.stdout
    assert json.loads(r.stdout.splitlines()[-1])["connected"] == 120


@test
def wstest_clients():
    r = wstest("-m", "testeeclient", "-w", f"ws://127.0.0.1:{free_port()}")
    assert r.returncode == 1 and "Getting case count .." in r.stdout, r
    r = wstest("-m", "echoclient", "-w", "nonsense")
    assert r.returncode == 1 and r.stdout.startswith("nonsense: "), r


def main():
    failed = 0
    print(f"1..{len(tests) + 1}", flush=True)
    for i, t in enumerate(tests, 1):
        try:
            t()
            print(f"ok {i} - {t.__name__}", flush=True)
        except Exception as e:  # an assertion, or a process that did not end
            failed += 1
            text = str(e).replace("\n", "\n# ")
            print(f"# {type(e).__name__} in line {e.__traceback__.tb_next.tb_lineno}: {text}")
            print(f"not ok {i} - {t.__name__}", flush=True)
    for p in processes:
        if p.poll() is None:
            p.terminate()
    ended = {}
    for p in processes:
        try:
            ended[" ".join(p.args)] = p.wait(10 * PATIENCE)
        except subprocess.TimeoutExpired:
            p.kill()
            ended[" ".join(p.args)] = "only by SIGKILL"
    odd = {line: code for line, code in ended.items() if code != 0}
    print(f"{'not ' if odd else ''}ok {len(tests) + 1} - the servers end in order")
    for line, code in odd.items():
        failed += 1
        print(f"# {line}: {code}")
    shutil.rmtree(HOME, ignore_errors=True)
    sys.exit(failed > 0)


main()
