# SPDX-License-Identifier: MIT
"""The judge of clients from outside: test_judge_serve.py WEBSOCK MUTANT_CLIENT

The URL API with odd queries, refusals, several agents at once, the page and the report on HTTP,
the name wstest, broken clients, and our own client under test over ws and wss.
"""
import base64
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import surroundings  # noqa: F401: for what it takes away
from ports import free_port, port_alone

WEBSOCK = os.path.abspath(sys.argv[1])
MUTANT = os.path.abspath(sys.argv[2])
HOME = tempfile.mkdtemp(prefix="judge-serve-")
# By a link, as where it is installed: a script that stands in for the program knows no other name.
WSTEST = os.path.join(HOME, "wstest")
os.symlink(WEBSOCK, WSTEST)
LONG = 20 * float(os.environ.get("INTEROP_PATIENCE", "1"))
# The same where no factor is given: TLS is slow with sanitizers.
SLOW = max(LONG, 80 if "SANITIZED" in os.environ else 0)
tests, processes = [], []
TRUSTING = ssl.create_default_context()
TRUSTING.check_hostname = False
TRUSTING.verify_mode = ssl.CERT_NONE


def test(function):
    tests.append(function)
    return function


class Server:
    def __init__(self, *args, url="ws://127.0.0.1:0", name="websock", cwd=HOME, files=None):
        words = [name, "test", "--serve", url, *args] if name == "websock" else [name, *args]
        program = WSTEST if name == "wstest" else WEBSOCK
        if files:  # soft and hard; set behind the start it might come too late
            words, program = ["prlimit", "--nofile=" + files, program, *words[1:]], "prlimit"
        self.p = subprocess.Popen(words, executable=program, cwd=cwd, text=True, errors="replace",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        self.stopped = 0 if name == "wstest" else 128 + signal.SIGTERM
        processes.append(self.p)
        self.lines, self.port, ready = [], None, threading.Event()

        def read():
            for line in self.p.stdout:
                self.lines.append(line.rstrip("\n"))
                found = re.search(r"clients at \w+://\S+:(\d+),|\(Port (\d+)", line)
                if found and not self.port:
                    self.port = int(found.group(1) or found.group(2))
                if line.startswith("Ok, will run"):
                    ready.set()
            ready.set()

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        assert ready.wait(LONG) and self.port, self.lines

    def memory(self):
        """Octets that it holds."""
        with open(f"/proc/{self.p.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def end(self, timeout=1.5 * LONG):
        code = self.p.wait(timeout)
        self.reader.join(5)
        return code

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        code = self.end()
        assert code == self.stopped, (code, self.lines[-40:])


class Client:
    """As much of WebSocket as the API needs; raises Refused with the status of the answer."""

    def __init__(self, port, target, tls=False, fields=(), start=None, drop=(), host="127.0.0.1"):
        self.s = socket.create_connection((host, port), LONG)
        if tls:
            self.s = TRUSTING.wrap_socket(self.s)
        lines = [start or f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        lines = [line for line in lines if line.split(":")[0] not in drop] + list(fields)
        self.s.sendall("\r\n".join(lines + ["", ""]).encode("latin-1"))
        self.f = self.s.makefile("rb")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            line = self.f.readline()
            if not line:
                raise Refused(0, self.head)
            self.head += line
        status = int(self.head.split()[1])
        if status != 101:
            length = int(re.search(rb"Content-Length: (\d+)", self.head).group(1))
            raise Refused(status, self.f.read(length))

    def frame(self):
        """(first octet, payload), or None at the end."""
        head = self.f.read(2)
        if len(head) < 2:
            return None
        n = head[1] & 127
        if n == 126:
            n = struct.unpack(">H", self.f.read(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.f.read(8))[0]
        assert head[1] < 128, "the server masks"
        return head[0], self.f.read(n)

    def send(self, first, data):
        size = len(data)
        head = bytes([first, 0x80 | size]) if size < 126 else bytes([first, 0xfe]) + struct.pack(
            ">H", size) if size < 65536 else bytes([first, 0xff]) + struct.pack(">Q", size)
        mask = os.urandom(4)
        whole = (mask * (size // 4 + 1))[:size]
        data = (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")
        self.s.sendall(head + mask + data)

    def answer(self):
        """The text of an API connection, which must end with a close frame without a code."""
        text = None
        while True:
            got = self.frame()
            assert got, "no close frame"
            if got[0] == 0x88:
                assert got[1] == b"", got
                self.send(0x88, b"")
                assert self.frame() is None
                self.close()
                return text
            assert got[0] == 0x81 and text is None, got
            text = got[1].decode()

    def answer_close(self):
        """Closes, and waits for the end."""
        self.send(0x88, b"")
        while self.frame():
            pass
        self.close()

    def echo(self):
        """Echoes as little as a test of the judge needs: frames one by one, close for close."""
        try:
            while True:
                got = self.frame()
                if got is None:
                    return
                if got[0] == 0x89:
                    self.send(0x8a, got[1])
                elif got[0] in (0x81, 0x82):
                    self.send(*got)
                elif got[0] == 0x88:
                    self.send(0x88, got[1])
                else:
                    self.send(0x88, struct.pack(">H", 1002))
        except OSError:
            pass
        finally:
            self.close()

    def close(self):
        self.f.close()
        self.s.close()


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status} {body!r}")
        self.status, self.body = status, body


def refused(server, target, **how):
    try:
        Client(server.port, target, **how).close()
    except Refused as e:
        return e
    raise AssertionError(f"{target} {how} was accepted")


def get(server, path, scheme="http", method="GET"):
    request = urllib.request.Request(f"{scheme}://127.0.0.1:{server.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=LONG, context=TRUSTING) as r:
            return r.status, r.headers, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read()


def report(out, name="index.json"):
    with open(os.path.join(HOME, out, name), encoding="utf-8") as f:
        return json.load(f)


@test
def api():
    s = Server("--out", "api", "--cases", "1.1.*,2.1", "--exclude", "1.1.8")
    assert Client(s.port, "/getCaseCount").answer() == "8"
    info = json.loads(Client(s.port, "/getCaseInfo?case=8").answer())
    assert info["id"] == "2.1" and info["description"] and "<" not in info["description"], info
    assert json.loads(Client(s.port, "/getCaseInfo?casetuple=%201.1.2+").answer())["id"] == "1.1.2"
    # `case` counts more than `casetuple`.
    Client(s.port, "/runCase?casetuple=1.1.1&case=8&agent=a").echo()
    assert json.loads(Client(s.port, "/getCaseStatus?case=8&agent=a").answer()) == {"behavior": "OK"}
    # Who asks before there is a result, waits.
    early = Client(s.port, "/getCaseStatus?case=1&agent=a")
    early.s.settimeout(0.3)
    try:
        early.frame()
        raise AssertionError("there was an answer before there was a result")
    except TimeoutError:
        pass
    early.s.settimeout(LONG)
    early.f = early.s.makefile("rb")
    Client(s.port, "/runCase?case=1&agent=a").echo()
    assert json.loads(early.answer()) == {"behavior": "OK"}
    assert Client(s.port, "/updateReports?agent=a").answer() is None
    index = report("api")
    assert set(index["a"]) == {"1.1.1", "2.1"}, index
    case = report("api", index["a"]["2.1"]["reportfile"])
    assert case["isServer"] is True and case["case"] == 8 and len(case) == 39, case
    assert [entry[0] for entry in case["wirelog"][:2]] == ["RO", "TO"], case["wirelog"][:3]
    assert case["httpResponse"].startswith("HTTP/1.1 101 Switching Protocols\r\nServer: ")
    assert case["droppedByMe"] is True and case["behaviorClose"] == "OK"
    # Who asks at once again gets the files that are there, and new ones when there is more to tell.
    number = lambda: os.stat(os.path.join(HOME, "api", "index.json")).st_ino
    for _ in range(5):
        began = time.monotonic()
        Client(s.port, "/updateReports?agent=a").answer()
        first = number()
        Client(s.port, "/updateReports?agent=a").answer()
        if time.monotonic() - began < 0.9:
            assert number() == first
            break
    # It goes on, and the next report has more.
    Client(s.port, "/runCase?case=2&agent=b").echo()
    Client(s.port, "/updateReports?agent=b&shutdownOnComplete=TRUE").answer()
    assert s.end() == 0, s.lines
    assert set(report("api")) == {"a", "b"}
    text = "\n".join(s.lines)
    assert re.search(r"^Running test case ID 2\.1 for agent a from peer tcp4:127\.0\.0\.1:\d+$", text,
                     re.M), text
    assert "Report generation complete; shutting down server." in s.lines


@test
def hangup_that_is_ignored_stays_so():
    usual = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    s = Server("--out", "hangup", "--cases", "1.1.1")
    signal.signal(signal.SIGHUP, usual)
    s.p.send_signal(signal.SIGHUP)
    assert Client(s.port, "/getCaseCount").answer() == "1"
    s.stop()


@test
def odd_queries():
    s = Server("--out", "odd")
    for target, why in [
        ("/runCase?case=0&agent=a", "not found"), ("/runCase?case=518&agent=a", "case 518 not found"),
        ("/runCase?case=-1&agent=a", "number"), ("/runCase?case=1e2&agent=a", "number"),
        ("/runCase?case=99999999999999999999&agent=a", "number"),
        ("/runCase?case=18446744073709551617&agent=a", "number"),
        ("/runCase?case=1", "need agent"), ("/runCase?case=1&agent=", "need agent"),
        ("/runCase?agent=a", "need case"), ("/runCase", "need agent"), ("/runCase?", "need agent"),
        ("/runCase?case=1&case=2&agent=a", "multiple"), ("/runCase?case=1&agent=a&agent=b", "multiple"),
        ("/runCase?casetuple=1.1.99&agent=a", "invalid"), ("/runCase?casetuple=*&agent=a", "invalid"),
        ("/runCase?case=%00&agent=a", "number"), ("/runCase?case=1&agent=a%00b", "NUL"),
        ("/runCase?case=1&agent=%ff%fe", "UTF-8"), ("/runCase?case=1&agent=" + "x" * 10240, "too long"),
        ("/getCaseInfo", "need case"), ("/getCaseInfo?case=518", "not found"),
        ("/getCaseStatus?case=1", "need agent"), ("/updateReports", "need agent"),
        # Longer than the room for it, with blanks to take away.
        ("/getCaseInfo?case=" + 6 * "+" + 40 * "1", "number"),
        ("/getCaseInfo?casetuple=" + 6 * "+" + 40 * "1", "invalid"),
    ]:
        e = refused(s, target)
        assert e.status == 500 and why.encode() in e.body, (target, e)
    # Names that look like paths, markup or terminal commands are only names.
    for agent in ("%3Cscript%3Ealert(1)%3C/script%3E", "../../../etc/passwd", "%2e%2e%2fx",
                  "a%1b%5b31mb", "+", "%zz%", "caf%C3%A9", "a&x=y;z"):
        Client(s.port, f"/runCase?case=1&agent={agent}").echo()
    Client(s.port, "/updateReports?agent=x").answer()
    names = os.listdir(os.path.join(HOME, "odd"))
    assert all(re.fullmatch(r"[a-z0-9_]*[a-z0-9_.]*\.(html|json|jsonl)", name) for name in names), names
    index = report("odd")
    assert set(index) == {"<script>alert(1)</script>", "../../../etc/passwd", "../x", "a\x1b[31mb", " ",
                          "%zz%", "caf\u00e9", "a"}, list(index)
    for name in names:
        if name.endswith(".html"):
            with open(os.path.join(HOME, "odd", name), encoding="utf-8") as f:
                page = f.read()
            assert "<script>alert" not in page and "\x1b" not in page, name
    assert not any("\x1b" in line for line in s.lines)
    s.stop()


@test
def wrong_handshakes():
    s = Server("--out", "wrong", "--cases", "1.1.1")
    run = "/runCase?case=1&agent="
    key = "Sec-WebSocket-Key"
    rows = [
        (400, "Host", {"drop": ["Host"]}), (400, "Host", {"fields": ["Host: b"]}),
        (400, "Key", {"drop": [key]}), (400, "Key", {"drop": [key], "fields": [key + ": short=="]}),
        (400, "Key", {"drop": [key], "fields": [key + ": ****************=====*=="]}),
        (400, "Key", {"fields": [key + ": " + "A" * 22 + "=="]}),
        (400, "Connection", {"drop": ["Connection"]}),
        (400, "upgrade", {"drop": ["Connection"], "fields": ["Connection: close"]}),
        (400, "Version", {"drop": ["Sec-WebSocket-Version"]}),
        (426, "7", {"drop": ["Sec-WebSocket-Version"], "fields": ["Sec-WebSocket-Version: 7"]}),
        (400, "websocket", {"drop": ["Upgrade"], "fields": ["Upgrade: h2c"]}),
        (400, "Origin", {"fields": ["Origin: http://a", "Origin: http://b"]}),
        (400, "protocol", {"fields": ["Sec-WebSocket-Protocol: a, a"]}),
        (400, "permessage", {"fields": ["Sec-WebSocket-Extensions: permessage-deflate; x"]}),
        (400, "twice", {"fields": ["Sec-WebSocket-Extensions: permessage-deflate; "
                                   "client_max_window_bits; client_max_window_bits"]}),
        (400, "invalid value", {"fields": ["Sec-WebSocket-Extensions: permessage-deflate; "
                                           "server_max_window_bits=7"]}),
    ]
    for i, (status, word, how) in enumerate(rows):
        e = refused(s, f"{run}w{i}", **how)
        assert e.status == status and word.encode() in e.body, (how, e)
    # These are no requests at all, so that no agent is known.
    for status, how in [(405, {"start": f"POST {run}p HTTP/1.1"}), (505, {"start": f"GET {run}p HTTP/1.0"}),
                        (400, {"start": f"GET {run}p#f HTTP/1.1"}), (400, {"start": "GET HTTP/1.1"}),
                        (400, {"fields": [" folded: x"]}), (400, {"fields": ["no colon"]}),
                        (400, {"fields": ["X: a\x00b"]}), (431, {"fields": ["X: " + "a" * 70000]})]:
        assert refused(s, run, **how).status == status, how
    # Offers in several lines are legal, and so is one that leaves the port out of Host.
    Client(s.port, f"{run}good", drop=["Host"], fields=[
        "Host: localhost", "Sec-WebSocket-Extensions: x-other",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]).echo()
    Client(s.port, "/updateReports?agent=x&shutdownOnComplete=yes").answer()
    assert s.end() == 1, s.lines  # what was refused has failed
    index = report("wrong")
    assert len(index) == len(rows) + 1 and index["good"]["1.1.1"]["behavior"] == "OK", index
    assert all(index[f"w{i}"]["1.1.1"]["behavior"] == "FAILED" for i in range(len(rows)))
    case = report("wrong", index["w2"]["1.1.1"]["reportfile"])
    assert case["wasNotCleanReason"] == "HTTP Sec-WebSocket-Key header missing", case


@test
def offers():
    """The extension is agreed on in 12 and 13 alone, with the parameters that the case asks for."""
    s = Server("--out", "offers", "--messages", "1")

    def answer(case, offer):
        c = Client(s.port, f"/runCase?casetuple={case}&agent=o",
                   fields=["Sec-WebSocket-Extensions: " + offer])
        c.close()
        found = re.search(rb"Sec-WebSocket-Extensions: (.*)\r\n", c.head)
        return found and found.group(1).decode()

    pmd, bits = "permessage-deflate", "permessage-deflate; client_max_window_bits"
    for case, offer, want in [
        ("1.1.1", pmd, None), ("12.1.1", pmd, pmd), ("12.1.1", "x-webkit-deflate-frame", None),
        ("13.1.1", f"{pmd}; server_no_context_takeover; server_max_window_bits=10",
         f"{pmd}; server_no_context_takeover; server_max_window_bits=10"),
        ("13.2.1", pmd, f"{pmd}; client_no_context_takeover"),
        ("13.3.1", pmd, None), ("13.3.1", bits, f"{bits}=9"), ("13.3.1", f"{bits}=8", None),
        ("13.4.1", bits, f"{bits}=15"), ("13.4.1", f"{bits}=10, {bits}", f"{bits}=15"),
        ("13.5.1", bits, f"{pmd}; client_no_context_takeover; client_max_window_bits=9"),
        ("13.7.1", pmd, f"{pmd}; client_no_context_takeover"),
        ("13.7.1", bits, f"{pmd}; client_no_context_takeover; client_max_window_bits=9"),
    ]:
        got = answer(case, offer)
        assert got == want, (case, offer, got)
    s.stop()


@test
def commands():
    s = Server("--out", "commands", "--cases", "1.1.1")
    c = Client(s.port, "/")
    for command, want in [
        (["sendframe", {"opcode": 1, "payload": "abc"}], [(0x81, b"abc")]),
        (["sendframe", {"opcode": 2, "payload": "ab", "payload_len": 5, "fin": False, "rsv": 4}],
         [(0x42, b"ababa")]),
        (["sendframes", [{"opcode": 9}, {"opcode": 1, "payload": "x", "chopsize": 1}]],
         [(0x89, b""), (0x81, b"x")]),
        (["echo", {"payload": "y", "payload_len": 3}], [(0x81, b"yyy")]),
        # Nothing, however often it is repeated, is nothing.
        (["echo", {"payload": "", "payload_len": 100}], [(0x81, b"")]),
    ]:
        c.send(0x81, json.dumps(command).encode())
        for frame in want:
            assert c.frame() == frame, command
    # A mask is a string of four octets; true asks for any.
    for mask, key in (("abcd", b"abcd"), ("\u00ff\u0080\u0001\u0000", b"\xff\x80\x01\0"), (True, None)):
        c.send(0x81, json.dumps(["sendframe", {"opcode": 1, "payload": "xyz", "mask": mask}]).encode())
        head = c.f.read(9)
        assert head[:2] == b"\x81\x83" and key in (None, head[2:6]), (mask, head)
        assert bytes(a ^ b for a, b in zip(head[6:], head[2:5])) == b"xyz", (mask, head)
    for mask in (None, False, ""):
        c.send(0x81, json.dumps(["sendframe", {"opcode": 1, "payload": "xyz", "mask": mask}]).encode())
        assert c.frame() == (0x81, b"xyz"), mask
    c.send(0x81, json.dumps(["close", {"code": 3000, "reason": "bye"}]).encode())
    assert c.frame() == (0x88, b"\x0b\xb8bye")
    c.close()
    for wrong in ("", "{", "[]", "{}", '["x"]', '["sendframe"]', '["sendframe",{"opcode":16}]',
                  '["echo",{"payload":"a","payload_len":1000000000000}]', '["sendframe",{"opcode":-1}]',
                  '["close",{"code":"x"}]',
                  '["sendframe",{"opcode":1,"payload":"a","payload_len":1000000,"chopsize":1}]',
                  '["sendframe",{"opcode":1,"mask":"abc"}]', '["sendframe",{"opcode":1,"mask":5}]',
                  '["sendframe",{"opcode":1,"mask":"abc\u0100"}]', '["sendframes",{}]', "[" * 5000):
        c = Client(s.port, "/x?agent=1&agent=2")
        c.send(0x81, wrong.encode())
        got = c.frame()
        assert got and got[0] == 0x88 and got[1][:2] == struct.pack(">H", 1008), (wrong, got)
        c.close()
    # A message of more octets than a command has.
    c = Client(s.port, "/")
    c.send(0x81, b"[" + b" " * 600000)
    assert c.frame()[0] == 0x88
    c.close()
    Client(s.port, "/stopServer").answer()
    assert s.end() == 3, s.lines  # no case was run


@test
def two_at_once():
    s = Server("--out", "two", "--cases", "1.*,2.*,5.1,6.4.1", "--then-exit")

    def run(agent):
        n = int(Client(s.port, "/getCaseCount").answer())
        for i in range(1, n + 1):
            Client(s.port, f"/runCase?case={i}&agent={agent}").echo()

    both = [threading.Thread(target=run, args=(a,)) for a in ("left", "right")]
    for t in both:
        t.start()
    for t in both:
        t.join(60)
    Client(s.port, "/updateReports?agent=left").answer()
    code = s.end()
    index = report("two")
    strip = {a: {k: (v["behavior"], v["behaviorClose"]) for k, v in index[a].items()} for a in index}
    assert set(strip) == {"left", "right"} and strip["left"] == strip["right"], strip
    assert strip["left"]["1.1.2"] == ("OK", "OK") and len(strip["left"]) == 29, strip
    # This client knows no fragments: it closes with 1002 where 1007 is due.
    assert strip["left"]["6.4.1"] == ("FAILED", "WRONG CODE"), strip["left"]
    assert code == 1, s.lines[-5:]


@test
def end_behind_the_last_case():
    """A client drops TCP, asks for its report and is done, while the judge is still in the case: it
    reads again half a second later."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as client:
        s = Server("--out", "behind", "--cases", "19.15.1", "--then-exit", "--pid", str(client.pid))
        c = Client(s.port, "/runCase?case=1&agent=hasty")
        while c.frame()[0] != 0x88:
            pass
        c.send(0x88, struct.pack(">H", 1000))
        c.close()
        Client(s.port, "/updateReports?agent=hasty").answer()
        client.kill()
        client.wait()
        assert s.end() == 0, s.lines
    assert list(report("behind")["hasty"]) == ["19.15.1"], s.lines
    with open(os.path.join(HOME, "behind", "hasty_case_19_15_1.json"), encoding="utf-8") as f:
        assert "process is gone" not in f.read()


@test
def answers_that_end_the_connection():
    """A client of HTTP may ask for the next case on a connection that is not said to end."""
    s = Server("--out", "ends", "--cases", "15.2.*")
    n, found = int(Client(s.port, "/getCaseCount").answer()), 0
    for i in range(1, n + 1):
        with socket.create_connection(("127.0.0.1", s.port), LONG) as c:
            c.sendall(f"GET /runCase?case={i}&agent=a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
            f = c.makefile("rb")
            head = b"".join(iter(f.readline, b"\r\n"))
            if re.match(rb"HTTP/1.1 [2-9]\d\d ", head):
                found += 1
                assert re.search(rb"(?i)\nconnection: *close\r", head), head
    assert found > 15, found
    s.stop()


@test
def web():
    s = Server("--out", "web", "--cases", "1.1.1", "--then-exit")
    with open(os.path.join(HOME, "secret.html"), "w", encoding="ascii") as f:
        f.write("secret")
    status, fields, page = get(s, "/")
    policy = fields["Content-Security-Policy"]
    assert status == 200 and "default-src 'none'" in policy and "unsafe" not in policy, policy
    # It goes to where it came from, whatever ports are mapped in between.
    assert b"data-port" not in page and b"http://" not in page and b"https://" not in page
    assert page.count(b"<script>") == 1 and b"innerHTML" not in page
    assert get(s, "/test_browser.html")[2] == page
    assert get(s, "/", method="HEAD")[2] == b""
    assert get(s, "/getCaseCount")[0] == 426 and get(s, "/nothing")[0] == 404
    assert get(s, "/report/index.html")[0] == 404  # not yet written
    Client(s.port, "/runCase?case=1&agent=a").echo()
    os.symlink(os.path.join(HOME, "secret.html"), os.path.join(HOME, "web", "link.html"))
    os.mkfifo(os.path.join(HOME, "web", "fifo.html"))
    status, fields, body = get(s, "/report/a_case_1_1_1.json")
    assert status == 200 and fields["Content-Type"] == "application/json" and json.loads(body)
    assert get(s, "/cwd/reports/clients/a_case_1_1_1.json")[2] == body
    for path in ("/report/../secret.html", "/report/..%2fsecret.html", "/report/%2e%2e/secret.html",
                 "/report//etc/passwd", "/report/link.html", "/report/fifo.html", "/report/.",
                 "/cwd/secret.html", "/cwd/reports/clients/../../secret.html", "/cwd/", "/secret.html",
                 "/report/" + "a" * 300):
        status, _, body = get(s, path)
        assert status == 404 and b"secret\n" not in body, (path, status, body)
    try:
        get(s, "/", method="DELETE")
    except (OSError, urllib.error.URLError):
        pass
    # Half a request is no request; the server goes on.
    with socket.create_connection(("127.0.0.1", s.port)) as half:
        half.sendall(b"GET / HT")
        assert get(s, "/")[0] == 200
    Client(s.port, "/updateReports?agent=a").answer()
    assert s.end() == 0, s.lines


@test
def web_port():
    port = free_port()
    s = Server("--out", "webport", "--cases", "1.1.1", "--webport", str(port))
    api_port, s.port = s.port, port
    # The page is here, and it says where the cases are.
    assert f'data-port="{api_port}"'.encode() in get(s, "/")[2]
    s.stop()


@test
def own_client():
    # Most of the time is pauses of the cases: both at once.
    count, some = {"ws": 517, "wss": 517}, {"ws": (), "wss": ()}
    if "WSK_TEST_VALGRIND" in os.environ:
        # Both ends are slow: without megabytes, and with fewer handshakes of TLS.
        count = {"ws": 463, "wss": 35}
        patient = ("--option", f"openHandshakeTimeout={LONG}", "--option", f"closeHandshakeTimeout={LONG}")
        some = {"ws": ("--exclude", "9.*", *patient),
                "wss": ("--cases", "1.1.*,5.*,7.1.*,12.1.1", *patient)}
    runs = []
    for scheme in ("ws", "wss"):
        s = Server("--out", scheme, "--messages", "3", "--then-exit", "--strict", *some[scheme],
                   url=f"{scheme}://127.0.0.1:0")
        runs.append((scheme, s, subprocess.Popen(
            [WEBSOCK, "connect", "--testee", "-k", f"{scheme}://127.0.0.1:{s.port}", "--agent", "websock"],
            cwd=HOME, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)))
        processes.append(runs[-1][2])
    for scheme, s, p in runs:
        said = p.communicate(timeout=10 * LONG)[0]
        assert p.returncode == 0, said[-2000:]
        assert s.end() == 0, [line for line in s.lines if not line.startswith("Running")]
        results = report(scheme)["websock"]
        odd = {k: v for k, v in results.items() if v["behavior"] not in ("OK", "INFORMATIONAL")
               or v["behaviorClose"] not in ("OK", "INFORMATIONAL")}
        assert len(results) == count[scheme] and not odd, odd



WEBSOCKETS = """
import asyncio, sys, websockets
async def main(base):
    def to(path):
        return websockets.connect(base + path, max_size=None, ping_interval=None)
    async with to("/getCaseCount") as w:
        count = int(await w.recv())
    for i in range(1, count + 1):
        try:
            async with to(f"/runCase?case={i}&agent=websockets") as w:
                async for message in w:
                    await w.send(message)
        except websockets.ConnectionClosed:
            pass
    async with to("/updateReports?agent=websockets"):
        pass
asyncio.run(main(sys.argv[1]))
"""


@test
def python_websockets():
    """A client that others wrote; of each kind of case there are some."""
    python = next((p for p in ("/usr/bin/python3", sys.executable) if subprocess.run(
        [p, "-c", "import websockets"], capture_output=True, check=False).returncode == 0), None)
    if not python:
        return "there is no python module websockets"
    s = Server("--out", "py", "--messages", "2", "--then-exit", "--cases",
               "1.*,2.*,3.1,4.1.1,5.1,5.3,5.6,6.2.*,6.3.*,7.*,9.1.1,9.2.1,9.7.1,10.*,12.1.1,12.2.11,"
               "13.1.1,13.2.1,13.3.1,13.5.1,13.7.1")
    subprocess.run([python, "-c", WEBSOCKETS, f"ws://127.0.0.1:{s.port}"], check=True, timeout=6 * LONG)
    assert s.end() == 0, s.lines[-40:]
    results = report("py")["websockets"]
    assert len(results) > 80 and {v["behavior"] for v in results.values()} == {"OK", "INFORMATIONAL"}
    assert {v["behaviorClose"] for v in results.values()} == {"OK", "INFORMATIONAL"}, results
    return None


@test
def as_wstest():
    cwd = os.path.join(HOME, "as-wstest")
    os.mkdir(cwd)
    with open(os.path.join(cwd, "spec.json"), "w", encoding="ascii") as f:
        json.dump({"url": "ws://127.0.0.1:0", "outdir": "./reports/clients", "cases": ["1.1.*"],
                   "exclude-cases": [], "exclude-agent-cases": {"b*": ["1.1.1"]}, "webport": 1}, f)
    s = Server("-m", "fuzzingserver", "-s", "spec.json", "-u", "0", name="wstest", cwd=cwd)
    Client(s.port, "/runCase?case=1&agent=bb").echo()
    Client(s.port, "/runCase?case=2&agent=bb").echo()
    Client(s.port, "/updateReports?agent=bb").answer()
    assert set(report("as-wstest/reports/clients")["bb"]) == {"1.1.2"}
    status, _, page = get(s, "/cwd/reports/clients/index.html")
    assert status == 200 and b"bb" in page
    Client(s.port, "/stopServer").answer()
    assert s.end() == 0
    assert "Skipping test case 1.1.1 for agent bb by test configuration!" in s.lines, s.lines
    assert any(line.startswith("Cases = ['1.1.1', '1.1.2'") for line in s.lines), s.lines
    assert "Shutting down server." in s.lines
    # The spec that is not there is written; port 9001 may be in use here.
    with port_alone(9001):
        with socket.socket() as probe:
            free = probe.connect_ex(("127.0.0.1", 9001)) != 0
        if not free:
            return "port 9001 is in use; the rest passed"
        s = Server("-m", "fuzzingserver", "-u", "0", name="wstest", cwd=cwd)
        assert s.port == 9001 and "Auto-generating spec file 'fuzzingserver.json'" in s.lines
        assert Client(s.port, "/getCaseCount").answer() == "517"
        s.stop()
    assert os.path.exists(os.path.join(cwd, "fuzzingserver.json"))
    return None


def write_spec(**members):
    name = f"spec{len(os.listdir(HOME))}.json"
    with open(os.path.join(HOME, name), "w", encoding="utf-8") as f:
        json.dump({"url": "ws://127.0.0.1:0", "cases": ["1.1.1"], **members}, f)
    return name


@test
def spec_options():
    """protocols, allowedOrigins, maxConnections, webStatus, and Autobahn's check of the port."""
    s = Server("--webport=0", "--mode=fuzzingserver", "--check-host-port", "--spec", write_spec(
        outdir="options", protocols=["chat", "soap"], options={
            "allowedOrigins": "http://*.example.org, https://*", "maxConnections": 3, "webStatus": False}),
        name="wstest")
    s.port = int(re.search(r"Port (\d+)", "\n".join(s.lines)).group(1))
    for offer, want in [("soap, chat", b"soap"), ("x, chat", b"chat"), ("x", None), ("chatty", None)]:
        c = Client(s.port, "/getCaseCount", fields=["Sec-WebSocket-Protocol: " + offer])
        found = re.search(rb"Sec-WebSocket-Protocol: (.*)\r\n", c.head)
        assert (found and found.group(1)) == want, c.head
        assert c.answer() == "1"
    for origin, good in [("http://a.example.org", True), ("https://x:99", True), ("http://evil.test", False),
                         ("http://example.org.evil.test", False), ("null", False), ("http://" + "a" * 9000, False)]:
        if good:
            assert Client(s.port, "/getCaseCount", fields=["Origin: " + origin]).answer() == "1"
        else:
            assert refused(s, "/getCaseCount", fields=["Origin: " + origin]).status == 400, origin
    assert get(s, "/")[0] == 426 and get(s, "/report/")[0] == 426
    for host in ("127.0.0.1", "127.0.0.1:1", "[::1]", "h:", f"x:{s.port}0"):
        e = refused(s, "/getCaseCount", drop=["Host"], fields=["Host: " + host])
        assert e.status == 400 and b"port" in e.body, (host, e)
    Client(s.port, "/getCaseCount", drop=["Host"], fields=[f"Host: elsewhere:{s.port}"]).answer()
    some = [Client(s.port, "/") for _ in range(3)]
    e = refused(s, "/getCaseCount")
    assert e.status == 503 and b"maximum number" in e.body, e
    some.pop().answer_close()
    assert Client(s.port, "/getCaseCount").answer() == "1"
    for c in some:
        c.close()
    s.stop()
    # Other shapes of the same, and what is wrong.
    for options, word in [({"allowedOrigins": ["http://a"]}, None), ({"allowedOrigins": 5}, "list"),
                          ({"allowedOrigins": [5]}, "list"), ({"maxConnections": "x"}, "number")]:
        r = subprocess.run([WEBSOCK, "test", "--serve", "--list", "--spec", write_spec(options=options)],
                           cwd=HOME, capture_output=True, text=True, timeout=LONG, check=False)
        assert (word in r.stderr and r.returncode == 2) if word else r.returncode == 0, (options, r)


@test
def many_sockets():
    """Connections that only stay open keep nobody out, whatever they have sent."""
    if "WSK_TEST_VALGRIND" in os.environ:
        return "memcheck has limits of descriptors of its own"
    s = Server("--out", "many", "--cases", "1.1.1", files="64:192")  # 128 connections
    # It takes what it may have, not what it was given.
    assert resource.prlimit(s.p.pid, resource.RLIMIT_NOFILE) == (192, 192)
    held = []
    for k in range(400):
        c = socket.create_connection(("127.0.0.1", s.port), LONG)
        if k % 4 == 1:
            c.sendall(b"GET / HTT")
        elif k % 4 == 2:
            c.sendall(b"GET /getCaseStatus?case=1&agent=never HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                      b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                      b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        elif k % 4 == 3:
            c.sendall(b"GET /commands HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                      b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                      b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        held.append(c)
    Client(s.port, "/runCase?case=1&agent=a").echo()
    Client(s.port, "/updateReports?agent=a").answer()
    assert report("many")["a"]["1.1.1"]["behavior"] == "OK"
    # Without any descriptor it waits for one, and does not go deaf.
    for c in held:
        c.close()
    resource.prlimit(s.p.pid, resource.RLIMIT_NOFILE, (5, 192))
    early = socket.create_connection(("127.0.0.1", s.port), LONG)
    early.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    early.settimeout(0.3)
    try:
        assert not early.recv(1), "it had a descriptor left"
    except (TimeoutError, ConnectionError):
        pass
    resource.prlimit(s.p.pid, resource.RLIMIT_NOFILE, (192, 192))
    assert Client(s.port, "/getCaseCount").answer() == "1"
    early.close()
    s.stop()

    # The same when the limit is not the one that it began with, and silent clients have taken all.
    s = Server("--out", "fewer", "--cases", "1.1.1")
    resource.prlimit(s.p.pid, resource.RLIMIT_NOFILE, (64, 64))
    held = [socket.create_connection(("127.0.0.1", s.port), LONG) for _ in range(100)]
    assert Client(s.port, "/getCaseCount").answer() == "1"
    for c in held:
        c.close()
    s.stop()


@test
def silent_clients():
    """Requests that do not end, TLS that does not begin, and clients that vanish in a case."""
    s = Server("--out", "silent", "--cases", "2.1", "--option", f"openHandshakeTimeout={0.02 * SLOW}",
               "--option", "closeHandshakeTimeout=0.2", url="wss://127.0.0.1:0")

    def dial(text=None):
        c = socket.create_connection(("127.0.0.1", s.port), LONG)
        if text is not None:
            c = TRUSTING.wrap_socket(c)
            c.sendall(text)
        return c

    quiet = [dial(), dial(b""), dial(b"GET /getCaseCount HTTP/1.1\r\nHost: a\r\nX: ")]
    assert quiet[0].recv(9) == b"" and quiet[1].recv(9) == b""
    assert quiet[2].recv(12) == b"HTTP/1.1 408"
    vanished = Client(s.port, "/runCase?case=1&agent=gone", tls=True)
    status = Client(s.port, "/getCaseStatus?case=1&agent=gone", tls=True).answer()
    assert json.loads(status) == {"behavior": "FAILED"}, status
    vanished.close()
    s.stop()
    case = report("silent", report("silent")["gone"]["2.1"]["reportfile"])
    assert case["wasCloseHandshakeTimeout"] and case["droppedByMe"] and not case["wasClean"], case


@test
def heavy_cases_take_turns():
    s = Server("--out", "heavy", "--cases", "1.1.1,9.1.1")
    first = [Client(s.port, f"/runCase?casetuple=9.1.1&agent=h{k}") for k in range(32)]
    late = socket.create_connection(("127.0.0.1", s.port), LONG)
    late.sendall(b"GET /runCase?casetuple=9.1.1&agent=late HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                 b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    # Others are not kept, and they show that the server has seen the late one.
    Client(s.port, "/runCase?casetuple=1.1.1&agent=light").echo()
    gone = socket.create_connection(("127.0.0.1", s.port), LONG)
    gone.sendall(b"GET /runCase?casetuple=9.1.1&agent=gone HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                 b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    gone.close()
    late.setblocking(False)
    try:
        late.recv(1)
        raise AssertionError("there is no limit")
    except BlockingIOError:
        pass
    late.settimeout(LONG)
    first.pop().echo()
    assert late.recv(12) == b"HTTP/1.1 101"
    for c in first:
        c.close()
    late.close()
    Client(s.port, "/updateReports?agent=a").answer()
    index = report("heavy")
    assert index["h31"]["9.1.1"]["behavior"] == index["light"]["1.1.1"]["behavior"] == "OK", index
    s.stop()


@test
def memory_has_limits():
    """Clients that send without end or read nothing make the judge hold little."""
    s = Server("--out", "memory", "--cases", "1.1.1,5.19")
    big = os.path.join(HOME, "memory", "big.html")
    Client(s.port, "/runCase?case=1&agent=a").echo()
    before = s.memory()
    c = Client(s.port, "/commands")
    mask = b"\0\0\0\0"
    pings = (b"\x89\xfd" + mask + b"p" * 125) * 1000
    for _ in range(400):  # 50 MiB, and not an octet of the answers is read
        c.s.sendall(pings)
    c.close()
    # 200 messages of 512 KiB to a case that expects one.
    c = Client(s.port, "/runCase?casetuple=5.19&agent=a")
    message = b"\x82\xff" + struct.pack(">Q", 1 << 19) + mask + bytes(1 << 19)
    try:
        for _ in range(200):
            c.s.sendall(message)
    except OSError:
        pass
    c.close()
    # 16 MiB asked for by each of 12; together no more than 64 MiB wait.
    command = json.dumps(["echo", {"payload": "a", "payload_len": 16 << 20}]).encode()
    some = [Client(s.port, "/commands") for _ in range(12)]
    refusals = 0
    for c in some:
        c.send(0x81, command)
        refusals += c.f.read(2)[0] == 0x88
    assert refusals > 0
    for c in some:
        c.close()
    # A long file for many who do not read it.
    content = os.urandom(1 << 20) * 24
    with open(big, "wb") as f:
        f.write(content)
    readers = []
    for _ in range(12):
        readers.append(socket.create_connection(("127.0.0.1", s.port), LONG))
        readers[-1].sendall(b"GET /report/big.html HTTP/1.1\r\nHost: a\r\n\r\n")
        assert readers[-1].recv(15) == b"HTTP/1.1 200 OK"
    assert get(s, "/report/big.html")[2] == content
    assert get(s, "/report/big.html", method="HEAD")[1]["Content-Length"] == str(len(content))
    for r in readers:
        r.close()
    assert Client(s.port, "/getCaseCount").answer() == "2"
    with open(f"/proc/{s.p.pid}/status", encoding="ascii") as f:
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) << 10
    # Sanitizers keep what was freed.
    assert "SANITIZED" in os.environ or peak - before < 150 << 20, (before, peak)
    s.stop()


@test
def broken_clients():
    """Over TCP as in memory (test_mutants.c): these fail these of the cases, and no others."""
    s = Server("--out", "broken", "--messages", "3")
    cases = ["1.1.1", "2.2", "3.2", "5.3", "6.3.1", "7.1.3", "7.3.1", "7.9.1", "9.1.2", "12.1.1",
             "13.2.1"]
    rows = {
        "none": "", "legal_offers": "", "legal_drop": "",
        "hello_key": " ".join(cases), "unmasked": " ".join(cases), "mask_empty": "1.1.1 7.3.1",
        "mask_anew": "9.1.2", "no_pong": "2.2", "pong_empty": "2.2", "accept_rsv2": "3.2",
        "fragments_apart": "5.3", "utf8_none": "6.3.1", "fail_code": "3.2 7.9.1",
        "close_then_pong": "7.1.3", "close_takes_codes": "7.9.1", "corrupt_70000": "9.1.2",
        "deflate_none": "12.1.1 13.2.1", "deflate_keeps": "13.2.1", "deflate_rsv1": "12.1.1 13.2.1",
    }
    runs = [subprocess.Popen([MUTANT, fault, str(s.port), *cases], stderr=subprocess.PIPE, text=True)
            for fault in rows]
    processes.extend(runs)
    for r in runs:
        assert r.wait(3 * LONG) == 0, r.stderr.read()
    Client(s.port, "/updateReports?agent=x&shutdownOnComplete=true").answer()
    assert s.end() == 1, s.lines
    index = report("broken")
    for fault, failed in rows.items():
        got = [c for c in cases if not {index[fault][c][k] for k in ("behavior", "behaviorClose")} <= {"OK"}]
        assert got == failed.split(), (fault, got)


@test
def addresses():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        six = True
    except OSError:
        six = False
    if six:
        s = Server("--out", "six", "--cases", "1.1.1", url="ws://[::1]:0")
        assert Client(s.port, "/getCaseCount", host="::1").answer() == "1"
        s.stop()
    busy = socket.create_server(("127.0.0.1", 0))
    r = subprocess.run([WEBSOCK, "test", "--serve", f"ws://127.0.0.1:{busy.getsockname()[1]}"], cwd=HOME,
                       capture_output=True, text=True, timeout=LONG, check=False)
    assert r.returncode == 3 and "in use" in r.stderr, r
    for args in (["--serve"], ["--serve", "http://x"], ["--then-exit", "ws://127.0.0.1:1"]):
        r = subprocess.run([WEBSOCK, "test", *args], cwd=HOME, capture_output=True, text=True, timeout=LONG,
                           check=False)
        assert r.returncode in (2, 3) and r.stderr.count("\n") == 1, r
    return None if six else "there is no IPv6 on this machine; the rest passed"


def main():
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for k, function in enumerate(tests):
        try:
            began = time.monotonic()
            skipped = function()
            if time.monotonic() - began > 1:
                print(f"# {function.__name__} took {time.monotonic() - began:.1f} s", flush=True)
            print(f"ok {k + 1} - {function.__name__}" + (f" # SKIP {skipped}" if skipped else ""),
                  flush=True)
        except Exception as e:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {k + 1} - {function.__name__}", flush=True)
            where = e.__traceback__
            while where.tb_next:
                where = where.tb_next
            print(f"# line {where.tb_lineno}: {type(e).__name__}: {str(e)[:2000]}", flush=True)
    for p in processes:
        if p.poll() is None:
            p.kill()
    shutil.rmtree(HOME, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
