#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""websock bench: every mode against "websock serve", and servers that do it wrong or not at all."""
import base64
import hashlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import xml.etree.ElementTree as ET

from cli_harness import PATIENCE, PROGRAM, Server, Skip, check, make_certificate, run_tests, same, test
from cli_harness import cpu_time, wait_until, websock
from ports import free_port, has_ipv6

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Under memcheck the first message may take longer than all of them do without.
SECONDS = 2 if "WSK_TEST_VALGRIND" in os.environ else 0.2
QUICK = ("--duration", str(SECONDS), "--warmup", "0.02", "--timeout", str(int(PATIENCE * 2 / 3)))
# The kernel, or the build, may have no io_uring.
with Server("--io", "auto") as server:
    IOS = ("epoll", "uring") if " io_uring," in server.banner else ("epoll",)


def bench(url, *args, code=0, quick=QUICK):
    """The figures of a run."""
    r = websock("bench", url, "--json", *quick, *args)
    same(r.returncode, code, f"exit code of {args}: {r.stderr}")
    return json.loads(r.stdout)


def failing(url, *args, code=1, says=""):
    r = websock("bench", url, *QUICK, *args)
    same(r.returncode, code, f"exit code of {args}: {r.stdout} {r.stderr}")
    check(says in r.stderr, f"{says!r} is not in {r.stderr!r}")
    return r


# ------------------------------------------------------------------------ against our own server


def looks_right(d, connections, frame=None):
    same(d["errors"], 0, "errors")
    same(d["connections"], connections, "connections")
    check(d["messages"] > 0, "no messages")
    check(0.05 < d["seconds"] < 20, d["seconds"])
    check(abs(d["messages_per_second"] * d["seconds"] / d["messages"] - 1) < 0.01, "rate")
    p = d["latency_us"]
    check(0 < p["min"] <= p["p50"] <= p["p90"] <= p["p99"] <= p["p999"] <= p["max"], p)
    if frame:  # octets go on before and after the window, but not many
        share = d["wire_octets_received"] / (d["messages"] * frame)
        check(0.5 < share < 2, f"{share} of the octets that the messages have")


@test
def both_ways_of_waiting_are_there():
    if "uring" not in IOS:
        raise Skip("the kernel or the build has no io_uring: the rest is about epoll alone")


@test
def echoes_are_measured():
    with Server() as s:
        for io in IOS:
            d = bench(s.urls[0], "--io", io, "-c", "10", "--pid", str(s.process.pid))
            looks_right(d, 10, 127)
            same(d["settings"]["io"], io, "io")
            check(d["server"]["cpu_us_per_message"] > 0, "the server's CPU")
            check(d["server"]["rss_kib_before"] > 100 and d["server"]["rss_kib_load"] > 100 and
                  d["server"]["rss_kib_after"] > 100, "the server's memory")
            check(d["client"]["user_s"] + d["client"]["system_s"] > 0, "the generator's CPU")
            looks_right(bench(s.urls[0], "--io", io, "-c", "3", "-p", "64", "-s", "20", "--text"),
                        3, 22)
            looks_right(bench(s.urls[0], "--io", io, "-c", "2", "-s", "300K"), 2)
        for verify in ("0", "1"):
            looks_right(bench(s.urls[0], "-c", "1", "-s", "70000", "-p", "3", "--verify", verify),
                        1, 70010)
        d = bench(s.urls[0], "-c", "1", "-s", "0", "--spin")
        looks_right(d, 1, 2)
        same(d["octets_per_second"], 0, "octets")


@test
def compressed_messages_are_measured():
    for options in ((), ("--client-no-context-takeover", "--server-no-context-takeover")):
        with Server(*options) as s:
            d = bench(s.urls[0], "-c", "4", "-s", "2000", "--deflate", "--verify", "2")
            looks_right(d, 4)
            check(d["wire_octets_received"] < d["messages"] * 1500, "nothing was compressed")
    with Server("--no-compression") as s:
        failing(s.urls[0], "--deflate", code=3, says="does not agree to permessage-deflate")


@test
def broadcasts_are_measured():
    with Server("--broadcast") as s:
        for io in IOS:
            looks_right(bench(s.urls[0], "-m", "broadcast", "-c", "11", "-p", "3", "--io", io),
                        11, 127)
        d = bench(s.urls[0], "-m", "broadcast", "-c", "5", "--rate", "400")
        looks_right(d, 5)
        check(d["messages"] <= 5 * 400 * 5 * SECONDS, "more than were asked for")


@test
def so_many_messages_are_broadcast_and_no_more():
    with Server("--broadcast") as s:
        for args in (("-n", "1"), ("-n", "7", "-p", "3", "--io", "epoll"), ("-n", "2", "-p", "5"),
                     ("-n", "4", "--deflate", "--verify", "1")):
            # No time is needed, and what there is to warm up does not send any.
            d = bench(s.urls[0], "-m", "broadcast", "-c", "9", *args, quick=(
                "--duration", "60", "--warmup", "60", "--timeout", "20"))
            n = int(args[1])
            same((d["errors"], d["wrong"], d["unsolicited"]), (0, 0, 0), "what went wrong")
            same((d["connections"], d["closed_in_order"]), (9, 9), "connections")
            same((d["broadcast"]["messages"], d["broadcast"]["connections_with_all"]), (n, 9), args)
            check(8 * n <= d["messages"] <= 9 * n, d["messages"])
            p = d["broadcast"]["last_copy_us"]
            check(0 < p["min"] <= p["p50"] <= p["max"], p)
            same(p["max"], d["latency_us"]["max"], "the last copy is that of the longest way")
        r = websock("bench", s.urls[0], "-m", "broadcast", "-c", "3", "-n", "5")
        check("last copy " in r.stdout and "3 connections got each of 5 messages" in r.stdout,
              r.stdout)


@test
def somebody_may_look_before_it_begins():
    with Server("--broadcast") as s:
        for word in ("go on\n", ""):
            with subprocess.Popen(
                    [PROGRAM, "bench", s.urls[0], "-m", "broadcast", "-c", "20", "-n", "1",
                     "--wait", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True) as p:
                same(p.stderr.readline(), "20 open\n", "the word")
                same(p.poll(), None, "it waits")
                out, err = p.communicate(word, timeout=PATIENCE)
                same((p.returncode, err), (0, ""), "the end")
                same(json.loads(out)["broadcast"]["connections_with_all"], 20, "connections")


@test
def handshakes_are_measured():
    with Server() as s:
        d = bench(s.urls[0], "-m", "handshake", "-c", "4")
        looks_right(d, 4)
        check(d["wire_octets_sent"] > 150 * d["messages"], "requests count as octets")
        check(d["opening"].pop("connections") >= d["messages"], "those of the whole run")
        same(d["opening"], {"seconds": None, "connections_per_second": None, "latency_us": None},
             "what has no end, or is said elsewhere")


@test
def no_more_are_opening_than_may_be():
    lock = threading.Lock()

    def behave(server, s):
        with lock:
            server.opening += 1
            server.most = max(server.most, server.opening)
        time.sleep(0.02)
        with lock:
            server.opening -= 1
        shake(s)
        s.sendall(frame(0x88, receive(s)[1]))
        s.close()
    with Odd(behave) as odd:
        odd.opening = odd.most = 0
        args = (odd.url, "-m", "handshake", "-c", "60", "--opening", "4")
        d = bench(*args)
        check(d["errors"] == 0 and odd.most <= 4, f"{odd.most} at the same time")
        check(d["messages"] > 4 and 4 <= d["connections"] < 60, d["connections"])
        r = websock("bench", *args, *QUICK)
        check(re.search(r"^connections +\d+ at a time at the most$", r.stdout, re.MULTILINE), r.stdout)


@test
def idle_connections_are_measured():
    with Server() as s:
        d = bench(s.urls[0], "-m", "idle", "-c", "300", "--pid", str(s.process.pid))
        same((d["errors"], d["connections"], d["messages"]), (0, 300, 0), "figures")
        check("rss_octets_per_connection" in d["server"], "memory per connection")
        same(d["opening"]["connections"], 300, "opened")
        check(d["opening"]["latency_us"]["max"] > 0, "time to open")


@test
def memory_that_may_not_be_looked_into_is_null():
    def names(d):
        return {name for name, value in d["server"].items() if value is None}

    with Server() as s:
        args = [s.urls[0], "-m", "idle", "-c", "2", "--pid", str(s.process.pid)]
        same(names(bench(*args)), set(), "what is not known of a process of our own")
        # The server has capabilities that who looks has not.
        with open("/proc/self/status", encoding="ascii") as f:
            can = int(re.search(r"CapEff:\s*(\w+)", f.read()).group(1), 16)
        if not can or os.geteuid() != 0 or not shutil.which("setpriv"):
            raise Skip("only root has capabilities to give up, by setpriv(1)")
        r = subprocess.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", PROGRAM, "bench",
                            *args, *QUICK, "--json"], capture_output=True, text=True,
                           timeout=PATIENCE, check=False)
        same(r.returncode, 0, r.stderr)
        d = json.loads(r.stdout)
        same(names(d), {"pss_kib_before", "pss_kib_load", "pss_kib_after",
                        "pss_octets_per_connection"}, "what is not known")
        check(d["server"]["rss_kib_load"] > 0, "what is known to all")


@test
def an_open_loop_keeps_its_rate():
    with Server() as s:
        for io in IOS:
            d = bench(s.urls[0], "--rate", "1000", "-c", "7", "--io", io)
            looks_right(d, 7)
            check(1000 * SECONDS <= d["messages"] < 10000 * SECONDS, f"{d['messages']} messages")


@test
def other_transports_are_measured():
    with tempfile.TemporaryDirectory() as folder:
        key, cert, _ = make_certificate(folder, "server")
        path = os.path.join(folder, "socket")
        v6_url = ["ws://[::1]:0/ws"] if has_ipv6() else []
        with Server("--tls-cert", cert, "--tls-key", key,
                    urls=("wss://localhost:0/ws", f"ws+unix:{path}:/ws", *v6_url)) as s:
            wss, unix, *v6 = s.urls
            wss = wss.replace("127.0.0.1", "localhost")
            looks_right(bench(wss, "-c", "5", "--cacert", cert), 5, 127)
            looks_right(bench(wss, "-c", "2", "-s", "200K", "--insecure"), 2)
            looks_right(bench(wss, "-c", "2", "-m", "handshake", "--insecure"), 2)
            failing(wss, "-c", "2", code=3, says="verify failed")
            for url, mode, says in ((wss, "echo", "as TLS does"), (unix, "idle", "as opening")):
                r = websock("bench", url, "-c", "1", "-m", mode, "--io", "uring", *QUICK,
                            *(["-k"] if url == wss else []))
                same((r.returncode, r.stderr.count("\n")), (0, 1), r.stderr)
                check(f"this goes through epoll, {says}" in r.stderr, r.stderr)
            looks_right(bench(unix, "-c", "5"), 5, 127)
            for url in v6:
                looks_right(bench(url, "-c", "5"), 5, 127)


@test
def connections_come_from_where_they_should():
    with Server("--log-level", "info") as s:
        looks_right(bench(s.urls[0], "-c", "6", "--source", "127.0.0.3,127.0.0.8/30"), 6)
        s.stop()
        seen = set(re.findall(r"open peer=(127\.0\.0\.\d+):", s.log()))
        same(seen, {"127.0.0.3", "127.0.0.9", "127.0.0.10"}, "addresses")


@test
def a_run_can_be_drawn():
    with Server() as s, tempfile.TemporaryDirectory() as folder:
        svg, html = os.path.join(folder, "a.svg"), os.path.join(folder, "a.html")
        bench(s.urls[0] + "?a=1&b=2", "-c", "2", "--plot", svg)
        root = ET.parse(svg).getroot()
        same(root.tag, "{http://www.w3.org/2000/svg}svg", "root")
        paths = [p.get("d") for p in root.iter("{http://www.w3.org/2000/svg}path")]
        check(len(paths) > 10 and all("nan" not in p and "inf" not in p for p in paths), paths)
        check("a=1&b=2" in "".join(root.itertext()), "the URL")
        bench(s.urls[0], "-m", "idle", "-c", "2", "--plot", html)
        with open(html, encoding="utf-8") as f:
            text = f.read()
        check("prefers-color-scheme:dark" in text and "width=device-width" in text, text[:500])
        check(not re.search(r"[ \"HV]-?(nan|inf)", text) and "http://www" not in text, "the page")
        same(websock("bench", s.urls[0], "--plot", os.path.join(folder, "a.png")).returncode, 2,
             "a picture of another kind")
        # Known before the run, not at its end.
        for path in [os.path.join(folder, "missing", "a.svg"), folder + "/dir.svg"]:
            if path.endswith("dir.svg"):
                os.mkdir(path)
            p = websock("bench", s.urls[0], "--duration", "1h", "--plot", path)
            same((p.returncode, p.stdout), (2, ""), "exit code and output")
            check(p.stderr.startswith(f"websock bench: cannot write {path}: ") and
                  p.stderr.count("\n") == 1, p.stderr)
        # Where nothing comes of the run, nothing is left.
        new = os.path.join(folder, "new.svg")
        same(websock("bench", "ws://127.0.0.1:1/", "--plot", new).returncode, 3, "no server")
        check(not os.path.exists(new), "an empty picture")


@test
def sigint_ends_with_the_figures_so_far():
    with Server() as s:
        p = subprocess.Popen([PROGRAM, "bench", s.urls[0], "-c", "2", "--warmup", "0", "--pid",
                              str(s.process.pid), "--duration", "1h"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # From then on that the server has them both; memcheck takes time for itself.
        wait_until(lambda: s.log().count(" open ") == 2, "connections")
        begun = cpu_time(p.pid)
        wait_until(lambda: cpu_time(p.pid) > begun + SECONDS / 5, "some work")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=PATIENCE)
        same((p.returncode, err), (0, ""), "end")
        check(re.search(r"^messages +[1-9]", out, re.MULTILINE), out)


@test
def json_is_there_whatever_became_of_the_run():
    d = bench(f"ws://127.0.0.1:{free_port()}/", code=3)
    same((d["errors"], d["opening"]["connections"], d["messages"]), (100, 0, 0), "figures")
    check("refused" in d["error_reasons"][0]["reason"], d["error_reasons"])
    same(bench("ws://name.invalid/", code=3)["messages"], 0, "messages")

    def interrupted(url, *args, code, says, when):
        p = subprocess.Popen([PROGRAM, "bench", url, "--json", "-c", "2", *args],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(when, "what it is to be interrupted in")
        time.sleep(2 * SECONDS)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=PATIENCE)
        same((p.returncode, err.count("\n")), (code, 1), f"exit code and lines of {args}: {err}")
        check(says in err, err)
        check(json.loads(out)["interrupted"], out)

    never = "it ended before anything was measured"
    with Odd(lambda server, s: time.sleep(PATIENCE)) as odd:
        interrupted(odd.url, "--open-timeout", "1h", code=3, says=never,
                    when=lambda: len(odd.sockets) == 2)
    with Server() as s:
        interrupted(s.urls[0], "--warmup", "1h", code=1, says=never,
                    when=lambda: s.log().count(" open ") == 2)
    with Odd(echo(lambda *_: None)) as odd:
        interrupted(odd.url, "-w", "0", "-d", "0.1", "--timeout", "1h", code=1,
                    says="nothing was answered", when=lambda: odd.messages >= 2)


@test
def users_are_refused_and_passwords_not_shown():
    for args in ["bench", "--json"], ["test"]:
        for url, word in (("ws://me:hush@127.0.0.1:1/", "must have no user"),
                          ("ws://me@127.0.0.1:1/", "must have no user"),
                          ("ws://me:hush@127.0.0.1:99999/", "the port")):
            r = websock(*args, url)
            same((r.returncode, r.stdout, r.stderr.count("\n")), (2, "", 1), f"{args} {url}")
            check(word in r.stderr and "hush" not in r.stderr, r.stderr)


@test
def who_closes_while_it_is_sent_to_says_why():
    with Server() as s:
        for _ in range(4):  # the reset came while it was sent to in one of three runs
            r = failing(s.urls[0], "-c", "10", "-s", "20M", "--io", "epoll",
                        says="closed by the server with 1009")
            check("sending failed" not in r.stderr, r.stderr)


@test
def a_terminal_shows_how_it_goes():
    with Server() as s:
        screen, terminal = pty.openpty()
        p = subprocess.Popen([PROGRAM, "bench", s.urls[0], "-c", "2", "-w", "0", "-d", "0.7"],
                             stdout=subprocess.PIPE, stderr=terminal, text=True)
        os.close(terminal)
        shown = b""
        try:
            while part := os.read(screen, 4096):
                shown += part
        except OSError:  # nobody has the terminal any more
            pass
        os.close(screen)
        out, _ = p.communicate(timeout=PATIENCE)
        same(p.returncode, 0, shown)
        check(re.search(rb"\r\x1b\[Kmeasuring: \d+ messages per second", shown), shown)
        check(shown.endswith(b"\r\x1b[K"), f"the line stays: {shown[-100:]}")
        check("messages per second" not in out and "per second" in out, out)


@test
def wrong_usage_is_refused():
    url = "ws://127.0.0.1:9/"
    for args, says in (((), "which URL"), (("http://127.0.0.1/",), "scheme"),
                       ((url + os.fsdecode(b"\xff"), "--json"), "UTF-8"),
                       ((url, "--text", "--binary"), "exclude"),
                       ((url, "-m", "idle", "--binary"), "exclude"),
                       ((url, "--rate", "5", "--pipeline", "5"), "exclude"),
                       ((url, "--mode", "fast"), "one of"), ((url, "--insecure"), "wss"),
                       ((url, "--messages", "5"), "--mode broadcast"),
                       ((url, "-m", "broadcast", "-n", "5", "--rate", "5"), "exclude"),
                       ((url, "-m", "handshake", "--wait"), "exclude"),
                       *(((url, "-m", "idle", *option), "--mode idle and --") for option in (
                           ("-r", "5"), ("-p", "5"), ("-s", "5"), ("-t",), ("--verify", "1"),
                           ("--payload", "/nowhere"))),
                       ((url, "--source", "here"), "--source"),
                       ((url, "--source", "::1"), "--source"),
                       ((url, "--payload", "/nowhere/at/all"), "/nowhere"),
                       ((url, "--duration", "1.x"), "a time"),
                       ((url, "--pid", "999999999"), "--pid")):
        r = websock("bench", *args)
        same(r.returncode, 2, f"exit code of {args}: {r.stderr}")
        check(says in r.stderr and r.stderr.count("\n") == 1 and r.stdout == "", f"{args}: {r.stderr}")


@test
def octets_can_come_back_without_any_protocol():
    def behave(server, s):
        while True:
            data = s.recv(65536)
            if not data:
                return
            server.messages += 1
            if server.bad and server.messages == 50:
                data = data[:3] + bytes([data[3] ^ 1]) + data[4:]
            s.sendall(data)
    for io in IOS:
        with Odd(behave) as odd:
            odd.bad = False
            url = odd.url.replace("ws:", "tcp:")
            looks_right(bench(url, "-c", "3", "-p", "2", "--io", io), 3, 131)
            odd.bad, odd.messages = True, 0
            failing(url, "-c", "1", "--io", io, "--timeout", "0.3",
                    says="octets do not come back as they were sent")


@test
def files_can_be_sent():
    with Server() as s, tempfile.NamedTemporaryFile() as f:
        with tempfile.TemporaryDirectory() as folder:
            pipe = os.path.join(folder, "pipe")
            os.mkfifo(pipe)
            for path in (pipe, folder):  # neither is waited for
                failing(s.urls[0], "--payload", path, code=2, says="is no file of at most")
        f.write(b"\xff" * 77)
        f.flush()
        failing(s.urls[0], "--payload", f.name, "--text", code=2, says="not UTF-8")
        d = bench(s.urls[0], "--payload", f.name, "-c", "2")
        looks_right(d, 2, 79)
        same(d["settings"]["size"], 77, "size")
        same(bench(s.urls[0], "--payload", f.name, "-s", "200", "-c", "2")["settings"]["size"], 200,
             "size")


# -------------------------------------------------------------------- servers that misbehave


class Odd:
    """A server on a free port; each connection has a thread that runs `behave(self, socket)`."""

    def __init__(self, behave):
        self.behave = behave
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.sockets = []
        self.messages = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.append(s)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.run, args=(s,), daemon=True).start()

    def run(self, s):
        try:
            self.behave(self, s)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for s in self.sockets:
            s.close()


def read(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def head(s):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += read(s, 1)
    return data.decode()


def shake(s, first=b""):
    """first: what stands right behind the answer."""
    key = re.search(r"Sec-WebSocket-Key: (\S+)", head(s)).group(1)
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    s.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode() + first)


def frame(first, payload):
    assert len(payload) < 126
    return bytes([first, len(payload)]) + payload


def receive(s):
    """(opcode, payload) of a small frame."""
    first, second = read(s, 2)
    assert second & 0x7F < 126
    key = read(s, 4)
    data = read(s, second & 0x7F)
    return first & 15, bytes(v ^ key[i % 4] for i, v in enumerate(data))


def messages(s):
    """What comes, until a close frame, which is answered."""
    while True:
        opcode, payload = receive(s)
        if opcode == 8:
            s.sendall(frame(0x88, payload))
            s.shutdown(socket.SHUT_RDWR)
            return
        yield payload


def spread(copies):
    """A behaviour: everybody gets each message, so many times."""
    def behave(server, s):
        server.here.append(s)
        shake(s)
        for payload in messages(s):
            for other in server.here:
                other.sendall(frame(0x82, payload) * copies)
    return behave


def echo(alter=lambda server, s, payload: frame(0x82, payload)):
    """A behaviour: echoes, each message as `alter` has it; None: nothing is sent."""
    def behave(server, s):
        shake(s)
        while True:
            opcode, payload = receive(s)
            if opcode == 8:
                s.sendall(frame(0x88, payload[:2]))
                s.close()
                return
            if opcode == 10:
                server.pongs = getattr(server, "pongs", 0) + 1
                continue
            server.messages += 1
            answer = alter(server, s, payload)
            if answer is not None:
                s.sendall(answer)
    return behave


@test
def one_corrupted_octet_is_found():
    def alter(server, _, payload):
        if server.messages == 5:
            payload = payload[:17] + bytes([payload[17] ^ 4]) + payload[18:]
        return frame(0x82, payload)
    for io in IOS:
        with Odd(echo(alter)) as odd:
            failing(odd.url, "-c", "1", "--io", io, "-d", "0.3",
                    says="wrong echo: it differs from what was sent at octet 17")
            check(odd.messages > 6, "it goes on after that")


@test
def fragments_and_greetings_are_no_errors():
    def alter(_, s, payload):
        return frame(0x02, payload[:9]) + frame(0x89, b"ping") + frame(0x80, payload[9:])

    with Odd(echo(alter)) as odd:
        d = bench(odd.url, "-c", "2")
        looks_right(d, 2)
        check(odd.pongs > 0, "no pings were answered")

    def greet(_, s):
        shake(s, frame(0x81, b"welcome"))
        for payload in messages(s):
            s.sendall(frame(0x82, payload))
    with Odd(greet) as odd:
        d = bench(odd.url, "-c", "1", "-m", "idle")
        same((d["errors"], d["unsolicited"]), (0, 1), "a greeting")


@test
def a_pong_that_waits_has_room_for_the_close_behind_it():
    def alter(_, s, payload):
        return frame(0x82, payload) + frame(0x89, bytes(125))
    for io in IOS:
        with Odd(echo(alter)) as odd:
            d = bench(odd.url, "-c", "1", "--io", io)
            looks_right(d, 1)
            same(d["closed_in_order"], 1, "its close frame")


@test
def a_broadcast_goes_on_without_who_left():
    def behave(server, s):
        shake(s)
        server.here.append(s)
        if len(server.here) == 4:
            time.sleep(0.03)
        s.sendall(frame(0x81, b"welcome"))
        for payload in messages(s):
            server.messages += 1
            if server.messages == 5:
                gone = next(other for other in server.here if other is not s)
                server.here.remove(gone)
                gone.sendall(frame(0x88, struct.pack(">H", 1011)))
            for other in list(server.here):
                other.sendall(frame(0x82, payload))
    for io in IOS:
        with Odd(behave) as odd:
            odd.here = []
            r = websock("bench", odd.url, "-m", "broadcast", "-c", "4", "-p", "2", "--opening", "4",
                        "-w", "0", "-d", "0.15", "--timeout", "20", "--json", "--io", io)
            same(r.returncode, 1, r.stderr)
            d = json.loads(r.stdout)
            same((d["errors"], d["wrong"], d["unsolicited"], d["unanswered"]), (1, 0, 4, 0), r.stderr)
            check("closed by the server with 1011" in r.stderr, r.stderr)
            check(odd.messages > 20, f"it stops after {odd.messages} messages")


@test
def who_leaves_before_the_word_has_no_part_in_a_broadcast():
    for io in IOS:
        for leaves in (0, 1):
            with Odd(spread(1)) as odd:
                odd.here = []
                with subprocess.Popen(
                        [PROGRAM, "bench", odd.url, "-m", "broadcast", "-c", "3", "-n", "5",
                         "--opening", "1", "--wait", "--json", "--io", io], stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
                    same(p.stderr.readline(), "3 open\n", "the word")
                    odd.here.pop(leaves).shutdown(socket.SHUT_RDWR)
                    time.sleep(0.1)  # TCP may take a moment
                    out, err = p.communicate("go on\n", timeout=PATIENCE)
                check("without a close frame" in err and err.count("\n") == 1, err)
                d = json.loads(out)
                same((d["connections"], d["unanswered"], d["errors"]), (2, 0, 1), err)
                same((d["broadcast"]["messages"], d["broadcast"]["connections_with_all"]), (5, 2),
                     "what was broadcast")


@test
def copies_too_many_and_too_few_are_counted():
    def behave(server, s):
        # Before it is open: nothing is broadcast before all are.
        server.here.append(s)
        shake(s)
        while True:
            opcode, payload = receive(s)
            if opcode == 8:
                # Behind the client's close frame, so that it has stopped waiting for messages.
                if server.twice and s is server.here[1]:
                    s.sendall(frame(0x82, server.last))
                s.sendall(frame(0x88, payload))
                s.shutdown(socket.SHUT_RDWR)
                return
            server.last = payload
            for other in server.here:
                if server.twice or other is not server.here[2]:
                    other.sendall(frame(0x82, payload))
    for io in IOS:
        for twice in (True, False):
            with Odd(behave) as odd:
                odd.here, odd.twice = [], twice
                r = websock("bench", odd.url, "-m", "broadcast", "-c", "4", "-n", "1", "--opening",
                            "1", "-d", "60" if twice else "0.5", "--timeout",
                            "20" if twice else "2", "--json", "--io", io)
                d = json.loads(r.stdout)
                same(r.returncode, 0 if twice else 1, r.stderr)
                same((d["unsolicited"], d["unanswered"], d["closed_in_order"]),
                     (1, 0, 4) if twice else (0, 1, 4), r.stderr)
                same(d["broadcast"]["connections_with_all"], 4 if twice else 3, "connections")


@test
def second_copies_are_no_deliveries():
    for io in IOS:
        with Odd(spread(2)) as odd:
            odd.here = []
            d = bench(odd.url, "-m", "broadcast", "-c", "3", "-n", "20", "--io", io, "-d", "60")
            check(40 <= d["messages"] <= 60, f"{d['messages']} deliveries of 60")
            check(d["unsolicited"] > 0, "none were too many")


@test
def a_broadcast_at_a_rate_counts_receivers_and_what_they_lack():
    def behave(server, s):
        server.here.append(s)
        shake(s)
        for payload in messages(s):
            server.messages += 1
            s.sendall(frame(0x82, payload))
            if server.messages > server.most:
                continue
            time.sleep(server.delay)
            for other in server.here:
                if other is not s:
                    other.sendall(frame(0x82, payload))
    for io in IOS:
        for delay, most, least in ((0.05, 1000, "min"), (0, 2, "max")):
            with Odd(behave) as odd:
                odd.here, odd.delay, odd.most = [], delay, most
                r = websock("bench", odd.url, "-m", "broadcast", "-c", "3", "--rate", "10", "-w", "0",
                            "-d", "0.6", "--timeout", str(SECONDS if most == 2 else 20), "--io",
                            io, "--json")
                d = json.loads(r.stdout)
                same((r.returncode, d["unanswered"]), (1, 8) if most == 2 else (0, 0), r.stderr)
                # What came to the sender at once is none of it; what never came was waited for.
                check(d["latency_us"][least] >= (50000 if delay else 200000), d["latency_us"])
                same(d["broadcast"]["last_copy_us"], None, "which is not measured")


@test
def a_stall_counts_for_all_that_were_due():
    def alter(server, _, payload):
        if server.messages == 20:
            time.sleep(0.2)
        return frame(0x82, payload)
    with Odd(echo(alter)) as odd:
        d = bench(odd.url, "-c", "1", "--rate", "200", quick=(
            "--duration", "0.6", "--warmup", "0", "--timeout", "20"))
        same((d["errors"], d["messages"]), (0, 120), "messages")
        p = d["latency_us"]
        # A third of all messages was due while it slept, and waited for 100 ms on average.
        check(p["max"] > 180000 and p["p999"] > 180000, p)
        check(p["p90"] > 80000, f"only the one that was on its way counts: {p}")


@test
def who_never_answers_is_not_waited_for():
    with Odd(lambda server, s: time.sleep(PATIENCE)) as odd:
        failing(odd.url, "-c", "2", "--open-timeout", "0.2", code=3,
                says="the server does not answer the handshake")
    with Odd(echo(lambda *_: None)) as odd:
        for extra in ((), ("--rate", "50"), ("--io", "epoll")):
            r = websock("bench", odd.url, "-c", "2", "-w", "0", "-d", "0.1", "--timeout", "0.2",
                        *extra)
            same(r.returncode, 1, r.stderr)
            check("no answer within 0.2 s" in r.stderr, r.stderr)

    def open_only(server, s):
        shake(s)
        time.sleep(PATIENCE)
    with Odd(open_only) as odd:
        r = websock("bench", odd.url, "-m", "handshake", "-c", "2", "-w", "0", "-d", "0.3",
                    "--timeout", "0.1")
        same(r.returncode, 1, r.stderr)
        check("no answer to a close frame within 0.1 s" in r.stderr, r.stderr)

    def half(server, s):
        head(s)
        s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgra")
        time.sleep(PATIENCE)
    with Odd(half) as odd:
        failing(odd.url, "-c", "1", "--open-timeout", "0.2", code=3, says="does not answer")


@test
def who_closes_slowly_has_the_time_for_it():
    def behave(_, s):
        shake(s)
        payload = receive(s)[1]
        time.sleep(2.5)
        s.sendall(frame(0x88, payload))
        s.close()
    with Odd(behave) as odd:
        same(bench(odd.url, "-m", "idle", "-c", "2")["closed_in_order"], 2, "close frames")


class Unix:
    """A server on a Unix socket that runs `behave(self, listener)`, whose queue has two places."""

    def __init__(self, behave):
        self.folder = tempfile.TemporaryDirectory()
        self.listener = socket.socket(socket.AF_UNIX)
        path = os.path.join(self.folder.name, "socket")
        self.listener.bind(path)
        self.listener.listen(1)
        self.url = f"ws+unix:{path}:/"
        self.rounds = 0
        threading.Thread(target=self.run, args=(behave,), daemon=True).start()

    def run(self, behave):
        try:
            behave(self, self.listener)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.folder.cleanup()


@test
def a_queue_that_stays_full_is_given_up():
    def behave(_, listener):
        here = [listener.accept()[0] for _ in range(2)]
        for s in here:
            shake(s)
        time.sleep(PATIENCE)
    with Unix(behave) as server:
        r = failing(server.url, "-m", "idle", "-c", "12", "--open-timeout", str(5 * SECONDS),
                    "--timeout", "0.1", says="the server takes no more connections")
        check("2 opened" in r.stdout and "10 failed" in r.stdout, r.stdout)


@test
def connections_for_which_a_queue_is_full_are_opened_later():
    def behave(server, listener):
        listener.settimeout(1)
        while True:
            # All of them come again, though no more than two at once; at the end fewer.
            here = []
            try:
                while len(here) < 6:
                    here.append(listener.accept()[0])
                server.rounds += 1
            except TimeoutError:
                pass
            for s in here:
                shake(s)
                s.sendall(frame(0x88, receive(s)[1]))
                s.close()
    with Unix(behave) as server:
        looks_right(bench(server.url, "-m", "handshake", "-c", "6", "-d", "1"), 6)
        check(server.rounds > 2, f"all were there {server.rounds} times")


@test
def who_never_stops_is_not_listened_to_for_ever():
    def flood(server, s):
        shake(s)
        while True:
            s.sendall(b"\x82\x00" * 65536)
    with Odd(flood) as odd:
        failing(odd.url, "-c", "2", "--io", "epoll", says="wrong echo")

    def fragments(server, s):
        shake(s)
        s.sendall(b"\x02\x00")
        while True:
            s.sendall(b"\x00\x00" * 65536)
    with Odd(fragments) as odd:
        failing(odd.url, "-c", "2", "--io", "epoll", "--timeout", "0.2", says="no answer within")


@test
def who_is_no_server_is_named():
    def answer(text):
        def behave(_, s):
            head(s)
            s.sendall(text)
            s.close()
        return behave
    for text, says in ((b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404 Not Found"),
                       (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "no WebSocket: 200"),
                       (b"220 mail.example.org ESMTP\r\n\r\n", "does not speak HTTP"),
                       (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        b"Connection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n", "Accept"),
                       (b"", "in the opening handshake")):
        with Odd(answer(text)) as odd:
            failing(odd.url, "-c", "2", code=3, says=says)
            if "404" in says:
                failing(odd.url, "-c", "2", "-m", "handshake", code=3, says=says)
    failing(f"ws://127.0.0.1:{free_port()}/", "-c", "2", code=3, says="Connection refused")


@test
def ends_on_the_way_are_named():
    def close(server, s, payload):
        return frame(0x88, struct.pack(">H", 1001) + b"\x1b[1mbye\xc2\x9b\xe2\x80\xae") if server.messages > 3 else (
            frame(0x82, payload))

    def cut(server, s, payload):
        if server.messages <= 3:
            return frame(0x82, payload)
        s.sendall(frame(0x82, payload)[:20])
        s.shutdown(socket.SHUT_RDWR)
        return None

    def broken(_, s, payload):
        return b"\xf2\x01a"

    def double(_, s, payload):
        return frame(0x82, payload) * 2
    for io in IOS:
        for alter, says in ((close, "closed by the server with 1001 (going away): ?[1mbye??"),
                            (cut, "ended the connection without a close frame"),
                            (broken, "broke the protocol")):
            with Odd(echo(alter)) as odd:
                r = failing(odd.url, "-c", "2", "--io", io, "--timeout", "0.3", says=says)
                check("\x1b" not in r.stderr, "control characters")
        with Odd(echo(double)) as odd:
            failing(odd.url, "-c", "1", "--io", io, says="more messages came back than were sent")


run_tests()
