#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""websock connect in scripts: messages in and out, how it ends, events, frames, what peers send."""
import base64
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time

from cli_harness import (PATIENCE, PROGRAM, Server, Unread, check, make_certificate, run_tests, same,
                         test, wait_until)
from connect_harness import FakeServer, connect, events, one_line, start
from ports import free_port


def good(r, stdout):
    same((r.returncode, r.stdout, r.stderr), (0, stdout, b""), "exit code, stdout, stderr")


# ------------------------------------------------------------------------------ in and out


@test
def lines_are_messages():
    with Server() as server:
        good(connect(server.urls[0], "-n2", stdin=b"one\ntwo\n"), b"one\ntwo\n")
        good(connect(server.urls[0], "-n2", stdin=b"one\nno end of line"),
             b"one\nno end of line\n")
        good(connect(server.urls[0], "-n3", stdin="\n\u20ac\n\r\n".encode()),
             "\n\u20ac\n\r\n".encode())


@test
def end_of_stdin_waits_for_answers():
    def script(peer):
        peer.accept()
        peer.frame()
        for text in ["a", "b", "c"]:
            time.sleep(0.15)
            peer.send(text)
        same(peer.close_code(), 1000, "close code")
        peer.close()

    with FakeServer(script) as server:
        begin = time.monotonic()
        good(connect("--wait", "2s", server.url, stdin=b"x\n"), b"a\nb\nc\n")
        took = time.monotonic() - begin
        check(took > 2.4, f"left after {took} s")
    with FakeServer(lambda p: (p.accept(), same(p.frame(), (0x81, b"x"), "frame"),
                               same(p.close_code(), 1000, "code"), p.close())) as server:
        good(connect("--wait", "0", server.url, stdin=b"x\n"), b"")


@test
def nul_separates():
    with Server() as server:
        good(connect(server.urls[0], "--null", "-n3", stdin=b"a\nb\0\0c"), b"a\nb\0\0c\0")


@test
def every_octet_passes():
    octets = bytes(range(256)) * 300
    with Server() as server:
        good(connect(server.urls[0], "-w", "-B", "-n1", stdin=octets), octets)
        no_nul = octets.replace(b"\0", b"")
        good(connect(server.urls[0], "-0", "-B", "-n1", stdin=no_nul), no_nul + b"\0")
        good(connect(server.urls[0], "--hex", "-n1", stdin=octets.hex().encode()),
             octets.hex().encode() + b"\n")
        good(connect(server.urls[0], "--hex", "-w", "-n1", stdin=octets.hex(" ").encode()), octets)


@test
def hex_is_digits_in_pairs():
    with Server() as server:
        good(connect(server.urls[0], "--hex", "-n2", stdin=b" 0xDE ad\tbe:".replace(b":", b"EF\n\n")),
             b"deadbeef\n\n")
        for text in [b"abc\n", b"zz\n", b"0x\n1\n", b"00 x0\n"]:
            r = connect(server.urls[0], "--hex", "-n1", stdin=text)
            same(r.returncode, 1, f"{text}: {r.stderr}")
            check(b"hexadecimal" in r.stderr, r.stderr)
        r = connect(server.urls[0], "--hex", "-w", "-n1", stdin=b"abc")
        same(r.returncode, 1, "odd digits")


@test
def hex_comes_in_pieces():
    with Server() as server:
        for pieces, octets in [([b"0", b"x41"], b"A"), ([b"0x", b"41 0", b"x4", b"2"], b"AB"),
                               ([b"4", b"1 4", b" 2"], b"AB"), ([b"41", b"0x42"], None),
                               ([b"0 ", b"x41"], None), ([b"0x0", b"x41"], None)]:
            with start("-X", "-w", "-n1", server.urls[0]) as p:
                for piece in pieces:
                    os.write(p.stdin.fileno(), piece)
                    wait_until(lambda: p.poll() is not None or unread(p.stdin) == 0, "the octets are read")
                p.stdin.close()
                same(p.wait(PATIENCE), 0 if octets is not None else 1, f"exit code of {pieces}")
                same(p.stdout.read(), octets or b"", f"what {pieces} made")


def unread(pipe):
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


@test
def text_must_be_text():
    with Server() as server:
        for options, stdin in [([], b"good\n\xff\nmore\n"), (["-w"], b"\xc3("),
                               (["-w"], b"x" * 200000 + b"\xe2\x82")]:
            r = connect(server.urls[0], *options, stdin=stdin)
            same(r.returncode, 1, f"{options}: {r.stderr}")
            check(b"UTF-8" in r.stderr, r.stderr)
        good(connect(server.urls[0], "-B", "-n1", stdin=b"\xff\n"), b"\xff\n")
        # Cut anywhere, text stays text.
        text = ("\u20ac" * 100000).encode()
        good(connect(server.urls[0], "-w", "-n1", "-C", stdin=text), text)


@test
def sixteen_mebibytes_in_one_message():
    octets = os.urandom(1 << 20) * 16
    with Server("--max-message", "16M") as server:
        for options in [[], ["-C"]]:
            r = connect(server.urls[0], "-w", "-B", "-n1", *options, stdin=octets)
            same((r.returncode, r.stderr, len(r.stdout)), (0, b"", len(octets)), "the end")
            check(r.stdout == octets, "other octets came back")


@test
def nothing_on_stdin_is_one_empty_message_as_a_whole():
    def script(peer):
        peer.accept()
        same(peer.frame(), (0x81, b""), "frame")
        same(peer.close_code(), 1000, "code")
        peer.close()

    with FakeServer(script) as server:
        good(connect("-w", "--wait", "0", server.url), b"")


@test
def whole_is_sent_while_it_is_read():
    got = threading.Event()

    def script(peer):
        peer.accept()
        same(peer.frame(), (0x01, b"first"), "frame")
        got.set()
        rest = b""
        while True:
            first, payload = peer.frame()
            rest += payload
            if first & 0x80:
                break
        same(rest, b"second", "the rest")
        peer.close_code()
        peer.close()

    with FakeServer(script) as server, start("-w", "--wait", "0", "-C", server.url) as p:
        p.stdin.write(b"first")
        p.stdin.flush()
        check(got.wait(PATIENCE), "nothing was sent before the end of stdin")
        p.stdin.write(b"second")
        p.stdin.close()
        same(p.wait(PATIENCE), 0, "exit code")


@test
def stdin_is_read_no_faster_than_it_is_sent():
    stop = threading.Event()
    with FakeServer(lambda p: (p.accept(), stop.wait(PATIENCE))) as server:
        with start("-B", "-C", server.url) as p:
            os.set_blocking(p.stdin.fileno(), False)
            line, taken, still = b"x" * 65535 + b"\n", 0, time.monotonic()
            while time.monotonic() - still < 1 and taken < 1 << 27:
                try:
                    taken += os.write(p.stdin.fileno(), line)
                    still = time.monotonic()
                except BlockingIOError:
                    time.sleep(0.01)
            p.kill()
            stop.set()
            check(taken < 1 << 25, f"{taken} octets were taken")
            p.stdin.close()
            p.wait()


@test
def stdout_that_is_slow_slows_the_server():
    sent = [0]

    def script(peer):
        peer.accept()
        peer.socket.settimeout(1)
        block = b"y" * 65536
        try:
            while sent[0] < 1 << 28:
                peer.send(block)
                sent[0] += len(block)
        except (TimeoutError, OSError):
            pass

    with FakeServer(script) as server, start("--keep-open", server.url) as p:
        p.stdin.close()
        server.thread.join(0)
        wait_until(lambda: not_growing(sent), "the server to be stopped")
        check(sent[0] < 1 << 26, f"{sent[0]} octets were taken")
        p.kill()
        p.stdout.close()
        p.wait()


def not_growing(sent):
    before = sent[0]
    time.sleep(0.5)
    return sent[0] == before and before > 0


@test
def fragments_and_compression():
    def script(peer):
        peer.accept()
        check("permessage-deflate" not in peer.head, peer.head)
        frames = [peer.frame() for _ in range(3)]
        same(frames, [(0x01, b"abcd"), (0x00, b"efgh"), (0x80, b"i")], "frames")
        peer.close()
        peer.close_code()

    with FakeServer(script) as server:
        good(connect("-C", "--fragment-size", "4", "--keep-open", server.url, stdin=b"abcdefghi\n"),
             b"")
    with Server() as server:
        r = connect("--json", "-n1", "--client-no-context-takeover", "--server-window-bits", "10",
                    server.urls[0], stdin=b"x" * 1000)
        extensions = events(r.stdout)[0]["extensions"]
        check("client_no_context_takeover" in extensions, extensions)
        check("server_max_window_bits=10" in extensions, extensions)


# -------------------------------------------------------------------------------- the ways


@test
def over_tls():
    with Server("--tls-self-signed", urls=["wss://127.0.0.1:0/ws"]) as server:
        url = server.urls[0]
        good(connect("-k", "-n1", url, stdin=b"x\n"), b"x\n")
        good(connect("-k", "-n1", url.replace("wss", "https"), stdin=b"x\n"), b"x\n")
        r = connect("-n1", url, stdin=b"x\n")
        same(r.returncode, 1, "exit code for a certificate that nobody signed")
        one_line(r.stderr, "certificate")
    with tempfile.TemporaryDirectory() as folder:
        key, cert, _ = make_certificate(folder, "server")
        mine = make_certificate(folder, "client", "me")
        with Server("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", mine[1],
                    "--tls-verify-client", urls=["wss://127.0.0.1:0/ws"]) as server:
            url = server.urls[0].replace("127.0.0.1", "localhost")
            good(connect("--cacert", cert, "--cert", mine[1], "--key", mine[0], "-n1", url,
                         stdin=b"x\n"), b"x\n")
            r = connect("--cacert", cert, "-n1", url, stdin=b"x\n")
            check(r.returncode in (1, 4), f"without a certificate of our own: {r}")
            r = connect("--cacert", cert, "--cert", mine[1], "--key", mine[0],
                        server.urls[0].replace("127.0.0.1", "127.0.0.2"))
            same(r.returncode, 1, "a name that is not in the certificate")


@test
def over_a_unix_socket():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a b%:c")
        quoted = os.path.join(folder, "a%20b%25%3Ac")
        with Server(urls=[f"ws+unix:{quoted}:/ws"]) as server:
            good(connect("-n1", f"ws+unix:{quoted}:/ws", stdin=b"x\n"), b"x\n")
            for url in ["ws://ignored/ws", "localhost/ws", "http://localhost:1/ws"]:
                good(connect("--unix-socket", path, "-n1", url, stdin=b"x\n"), b"x\n")
            same(server.stop(), 0, "exit code of the server")


@test
def url_without_scheme():
    with Server() as server:
        good(connect("-n1", server.urls[0][5:], stdin=b"x\n"), b"x\n")


@test
def ipv4_and_ipv6():
    with Server() as server:
        url = server.urls[0].replace("127.0.0.1", "localhost")
        good(connect("-4", "-n1", url, stdin=b"x\n"), b"x\n")
        same(connect("-6", "-n1", url, stdin=b"x\n").returncode, 1, "-6 to an IPv4 server")


@test
def fields_of_the_request():
    heads = []

    def script(peer):
        heads.append(peer.head)
        peer.accept(*(["Sec-WebSocket-Protocol: b"] if "Protocol: a, b" in peer.head else []))
        peer.close()
        peer.close_code()

    with FakeServer(script) as server:
        host = server.url[5:]
        good(connect("-H", "X-One: 1", "-H", "X-Two:2", "-H", "X-Empty;", "-u", "user:pa:ss", "-A",
                     "agent", "-b", "a=b", "-H", "cookie: e=f", "-b", "c=d", "-o", "https://example.org", "-s", "a", "-s",
                     "b", "--keep-open", server.url), b"")
        fields = heads[0].split("\r\n")
        for wanted in ["X-One: 1", "X-Two: 2", "User-Agent: agent", "Cookie: e=f; a=b; c=d",
                       "Origin: https://example.org", "Sec-WebSocket-Protocol: a, b",
                       "Authorization: Basic " + base64.b64encode(b"user:pa:ss").decode()]:
            check(wanted in fields, f"{wanted} is missing: {fields}")
        check(any(f.strip() == "X-Empty:" for f in fields), f"{fields}")
        same(heads[0].lower().count("cookie:"), 1, "fields of cookies")
        good(connect("--keep-open", f"ws://me:too@{host}"), b"")
        check(base64.b64encode(b"me:too").decode() in heads[1], heads[1])
        check("User-Agent: websock/" in heads[1], heads[1])
        good(connect("--keep-open", "-A", "", server.url), b"")
        check("User-Agent" not in heads[2] and "Origin" not in heads[2], heads[2])
        good(connect("--keep-open", "-H", "host: example.org:81", server.url), b"")
        check("\r\nHost: example.org:81\r\n" in heads[3] and heads[3].count("Host:") == 1, heads[3])
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"X-One: 1\r\n\nAuthorization: Bearer secret\nX-Empty;")
            f.flush()
            good(connect("--keep-open", "-H", "X-Zero: 0", "-H", "@" + f.name, "-H", "X-Two: 2",
                         server.url), b"")
        fields = [x.strip() for x in heads[4].split("\r\n")]
        begin = fields.index("X-Zero: 0")
        same(fields[begin:begin + 5], ["X-Zero: 0", "X-One: 1", "Authorization: Bearer secret",
                                       "X-Empty:", "X-Two: 2"], "fields with those of a file")


@test
def redirects_only_when_asked_for():
    heads = []

    def target(peer):
        heads.append(peer.head)
        peer.accept()
        peer.close()
        peer.close_code()

    with FakeServer(target) as there:
        with FakeServer(lambda p: p.answer(f"HTTP/1.1 302 Found\nLocation: {there.url}\n"
                                           "Content-Length: 0\n\n")) as here:
            r = connect("--keep-open", here.url)
            same(r.returncode, 1, "exit code")
            one_line(r.stderr, "redirect", "302 Found")
            same(heads, [], "requests to the other")
            good(connect("-L", "-u", "a:b", "-b", "c=d", "-H", "X: y", "--keep-open", here.url), b"")
            check("Authorization" not in heads[0] and "Cookie" not in heads[0], heads[0])
            check("X: y" in heads[0], heads[0])
            good(connect("-L", "-H", "Host: example.org", "--keep-open", here.url), b"")
            check("example.org" not in heads[1], "Host is that of another place")
            kinds = [e["event"] for e in events(connect("-L", "-j", "--keep-open",
                                                        here.url).stdout)]
            same(kinds, ["redirect", "open", "close"], "events")
    with FakeServer(lambda p: p.answer("HTTP/1.1 302 Found\nLocation: /again\n\n")) as loop:
        r = connect("-L", "--max-redirects", "3", loop.url)
        same((r.returncode, loop.connections), (1, 4), "exit code and connections")


# -------------------------------------------------------------------------------- the end


@test
def exit_code_follows_the_close_code():
    for code, reason, wanted in [(1000, b"", 0), (1001, b"bye", 0), (1002, b"", 4), (1008, b"", 4),
                                 (1011, b"broken", 4), (3000, b"", 4), (4999, b"private", 4)]:
        def script(peer, code=code, reason=reason):
            peer.accept()
            peer.close(code, reason)
            same(peer.close_code(), code, "answer")

        with FakeServer(script) as server:
            r = connect("--keep-open", server.url)
            same(r.returncode, wanted, f"exit code for {code}")
            if wanted:
                one_line(r.stderr, str(code), reason.decode())
            else:
                same(r.stderr, b"", "stderr")


@test
def close_without_a_code_and_no_close_at_all():
    with FakeServer(lambda p: (p.accept(), p.send(b"", 8), p.close_code())) as server:
        good(connect("--keep-open", server.url), b"")
    with FakeServer(lambda p: p.accept()) as server:
        r = connect("--keep-open", server.url)
        same(r.returncode, 4, "exit code")
        one_line(r.stderr, "1006")


@test
def server_that_breaks_the_rules():
    def script(peer):
        peer.accept()
        peer.send(b"x", 3)
        peer.close_code()

    with FakeServer(script) as server:
        r = connect("--keep-open", server.url)
        same(r.returncode, 4, "exit code")
        one_line(r.stderr, "1002", "opcode")


@test
def close_code_of_our_own():
    seen = []

    def script(peer):
        peer.accept()
        first, payload = peer.frame()
        seen.append((first, payload))
        peer.send(payload, 8)

    with FakeServer(script) as server:
        good(connect("--close-code", "4123", "--close-reason", "enough", "--wait", "0", server.url),
             b"")
    same(seen, [(0x88, b"\x10\x1benough")], "close frame")


@test
def count_ends_it():
    def script(peer):
        peer.accept()
        for i in range(10):
            peer.send(f"{i}")
        same(peer.close_code(), 1000, "code")
        peer.close(1000)

    with FakeServer(script) as server:
        good(connect("-n3", server.url, stdin=None), b"0\n1\n2\n")


@test
def timeout_ends_it():
    def script(peer):
        peer.accept()
        same(peer.close_code(), 1000, "code")
        peer.close()

    with FakeServer(script) as server:
        begin = time.monotonic()
        r = connect("--timeout", "1s", server.url, stdin=None)
        check(1 <= time.monotonic() - begin < 10, "time")
        same(r.returncode, 3, "exit code")
        one_line(r.stderr, "--timeout")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/"
        r = connect("--timeout", "200ms", url)
        same(r.returncode, 3, "exit code while connecting")
        r = connect("--open-timeout", "200ms", url)
        same(r.returncode, 3, "exit code of --open-timeout")
        one_line(r.stderr, "took too long")
        r = connect("--connect-timeout", "200ms", "-k", url.replace("ws", "wss"))
        same(r.returncode, 3, "exit code of --connect-timeout")


@test
def keepalive_notices_a_dead_server():
    with FakeServer(lambda p: (p.accept(), time.sleep(1))) as server:
        r = connect("--keep-open", "--ping-interval", "100ms", "--ping-timeout", "100ms", server.url)
        same(r.returncode, 4, "exit code")
        one_line(r.stderr, "1006")


@test
def failures_are_told_in_one_line():
    for url, word in [(f"ws://127.0.0.1:{free_port()}/", "refused"),
                      ("ws://name.invalid/", "the name"),
                      ("ws+unix:/nonexistent/socket", "/nonexistent/socket")]:
        r = connect(url)
        # Who is asked for names may say nothing at all.
        codes = (1, 3) if "invalid" in url else (1,)
        check(r.returncode in codes and r.stdout == b"", f"{url}: {r.returncode} {r.stderr}")
        one_line(r.stderr, word)
    for status, words in [(401, "Unauthorized"), (403, "Forbidden"), (404, "Not Found"),
                          (503, "Service Unavailable"), (200, "OK")]:
        answer = f"HTTP/1.1 {status} {words}\nContent-Length: 4\n\nnone"
        with FakeServer(lambda p, a=answer: p.answer(a)) as server:
            r = connect(server.url)
            same(r.returncode, 1, f"exit code for {status}")
            one_line(r.stderr, f"{status} {words}" + (": the server takes" if status == 200 else "\n"))
            fail, = events(connect("--json", server.url).stdout)
            same((fail["event"], fail["kind"], fail["status"], fail["body"]),
                 ("fail", "status", status, "none"), "event")
    # What the status line says is not said again, but what it does not say is.
    for answer, words in [("HTTP/1.1 404 \n", "404: the server does not know the path"),
                          ("HTTP/1.1 302 Found\nLocation: /b\n", "302 Found, a redirect to /b")]:
        with FakeServer(lambda p, a=answer: p.answer(a + "Content-Length: 0\n\n")) as server:
            one_line(connect(server.url).stderr, words)
    with FakeServer(lambda p: p.answer("HTTP/1.1 101 OK\nUpgrade: websocket\nConnection: Upgrade\n"
                                       "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n")) as s:
        r = connect(s.url)
        same(r.returncode, 1, "exit code")
        one_line(r.stderr, "Accept")


@test
def first_signal_closes_second_leaves_at_once():
    for number, code in [(signal.SIGINT, 1000), (signal.SIGTERM, 1001), (signal.SIGHUP, 1001)]:
        codes = []

        def script(peer, codes=codes):
            peer.accept()
            codes.append(peer.close_code())
            peer.close(codes[0])

        with FakeServer(script) as server, start("--json", server.url) as p:
            check(b'"open"' in p.stdout.readline(), "no connection")
            p.send_signal(number)
            same(p.wait(PATIENCE), 0, f"exit code after {number}")
        same(codes, [code], "close code")
    told, gone = threading.Event(), threading.Event()

    def deaf(peer):
        peer.accept()
        peer.close_code()
        told.set()
        gone.wait(PATIENCE)

    with FakeServer(deaf) as server, start("--json", "--close-timeout", "30s",
                                        server.url) as p:
        check(b'"open"' in p.stdout.readline(), "no connection")
        p.send_signal(signal.SIGINT)
        check(told.wait(PATIENCE), "no close frame")
        time.sleep(0.1)
        same(p.poll(), None, "after the first signal")
        p.send_signal(signal.SIGINT)
        same(p.wait(PATIENCE), 130, "exit code after the second")
        gone.set()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with start(f"ws://127.0.0.1:{silent.getsockname()[1]}/") as p:
            with silent.accept()[0]:  # kept: closed, it would be a server that refuses
                p.send_signal(signal.SIGINT)
                same(p.wait(PATIENCE), 130, "exit code before it was open")


@test
def reader_of_stdout_that_goes():
    codes = []

    def script(peer):
        peer.accept()
        try:
            while True:
                peer.send("line " * 1000)
                time.sleep(0.001)
        except OSError:
            codes.append("gone")

    with FakeServer(script) as server, start("--keep-open", server.url) as p:
        p.stdout.read(10)
        p.stdout.close()
        same(p.wait(PATIENCE), 1, "exit code")
        same(p.stderr.read(), b"", "stderr")
    if os.path.exists("/dev/full"):
        with Server() as server, open("/dev/full", "wb") as full:
            p = subprocess.run([*start_args(server.urls[0])], input=b"x\n", stdout=full,
                               stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
            same(p.returncode, 1, "exit code")
            one_line(p.stderr, "No space left")


def start_args(url):
    return [PROGRAM, "connect", "--keep-open", url]


@test
def reader_of_stderr_that_rests():
    def script(peer):
        peer.accept()
        for _ in range(20):
            peer.send("x" * 60)
        same(peer.close_code(), 1001 if number else 1000, "close code")
        peer.close()

    for kind in ["pipe", "terminal", "socket"]:
        for number, code in [(None, 3), (signal.SIGTERM, 0)]:
            with Unread(kind) as told, FakeServer(script) as server:
                told.fill()
                with start("-W", "-v", *(["-m", "2s"] if number is None else []), server.url,
                           stderr=told.writer) as p:
                    try:
                        check(p.stdout.readline(), f"{kind}: nothing came")
                        if number:
                            p.send_signal(number)
                        same(p.wait(PATIENCE), code, f"{kind}: exit code after {number}")
                    finally:
                        p.kill()
    # Who reads it late reads all of it, however much that is.
    number, n = None, 12000

    def flood(peer):
        peer.accept()
        for _ in range(n):
            peer.send("x" * 100)
        peer.close()
        peer.close_code()

    with Unread("pipe") as told, FakeServer(flood) as server:
        told.fill()
        with start("-W", "--keep-open", server.url, stderr=told.writer,
                   stdout=subprocess.DEVNULL) as p:
            time.sleep(0.5)
            text, end = "", time.monotonic() + PATIENCE
            while p.poll() is None and time.monotonic() < end:
                text += told.read()
                time.sleep(0.001)
            p.kill()
            same(p.wait(), 0, "exit code")
            text += told.read()
            same(text.count("<- text"), n, "frames that were shown")


@test
def stdin_that_is_closed():
    with Server() as server:
        p = subprocess.run(["sh", "-c", f"exec {PROGRAM} connect --wait 0 {server.urls[0]} <&-"],
                           capture_output=True, timeout=PATIENCE, check=False)
        same((p.returncode, p.stderr), (0, b""), "exit code, stderr")


@test
def connects_again():
    def script(peer):
        peer.accept()
        if server.connections < 3:
            peer.close(1012)
            peer.close_code()
        else:
            peer.send("at last")
            peer.close_code()
            peer.close()

    with FakeServer(script) as server:
        r = connect("-r", "--reconnect-first", "20ms", "-n1", server.url)
        good(r, b"at last\n")
        same(server.connections, 3, "connections")
    with FakeServer(lambda p: p.answer("HTTP/1.1 503 Later\n\n")) as server:
        r = connect("-r", "--reconnect-first", "10ms", "--reconnect-attempts", "3", "--json",
                    server.url)
        same((r.returncode, server.connections), (1, 4), "exit code and connections")
        kinds = [e["event"] for e in events(r.stdout)]
        same(kinds, ["fail", "retry"] * 3 + ["fail"], "events")
    with FakeServer(lambda p: p.answer("HTTP/1.1 404 Never\n\n")) as server:
        r = connect("-r", "--reconnect-first", "10ms", server.url)
        same((r.returncode, server.connections), (1, 1), "exit code and connections for 404")


# ------------------------------------------------------------------------- events and frames


@test
def json_has_all_that_happens():
    text = 'quote " back \\ \u20ac \u0001 \x7f \u0085 \u202e \U0001f600 \n\t'

    def script(peer):
        peer.accept("X-Odd: \xff\x9b31m", "Sec-WebSocket-Protocol: chat")
        peer.send(text)
        peer.send(bytes(range(256)))
        peer.send("")
        peer.send(b"pi\0ng", 9)
        peer.send(b"po\xffng", 10)
        peer.close(4000, "gr\u00fc\u00df\u001b[31me".encode())
        peer.close_code()

    with FakeServer(script) as server:
        r = connect("--json", "--keep-open", "-s", "chat", server.url)
        same(r.returncode, 4, "exit code")
        check(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", r.stdout), "control characters")
        check("\x85" not in r.stdout.decode() and "\u202e" not in r.stdout.decode(), "C1 or marks")
        e = events(r.stdout)
        same([x["event"] for x in e],
             ["open", "message", "message", "message", "ping", "pong", "close"], "events")
        same((e[0]["url"], e[0]["subprotocol"], e[0]["tls"]), (server.url, "chat", ""), "open")
        same(e[0]["address"], server.url[5:-3], "address")
        check(["X-Odd", "\xff\x9b31m"] in e[0]["headers"], e[0]["headers"])
        same((e[1]["type"], e[1]["text"], e[1]["size"]), ("text", text, len(text.encode())), "text")
        same((e[2]["type"], base64.b64decode(e[2]["base64"])), ("binary", bytes(range(256))), "binary")
        same((e[3]["text"], e[3]["size"]), ("", 0), "empty")
        same([base64.b64decode(x["base64"]) for x in e[4:6]], [b"pi\0ng", b"po\xffng"], "ping, pong")
        same((e[6]["code"], e[6]["reason"], e[6]["received"]),
             (4000, "gr\u00fc\u00df\x1b[31me", 3), "close")
        for x in e:
            check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", x["time"]), x["time"])


@test
def base64_of_every_length():
    def script(peer):
        peer.accept()
        for n in range(10):
            peer.send(bytes(range(250, 250 - n, -1)))
        peer.close()
        peer.close_code()

    with FakeServer(script) as server:
        e = events(connect("--json", "--keep-open", server.url).stdout)
        for n in range(10):
            same(base64.b64decode(e[n + 1]["base64"], validate=True), bytes(range(250, 250 - n, -1)),
                 f"{n} octets")


@test
def wirelog_shows_each_frame():
    def script(peer):
        peer.accept()
        same(peer.frame(), (0x81, b"out"), "frame")
        peer.send("fr", 1, first=0)
        peer.send("agment", 0)
        peer.send("x" * 1000)
        peer.send(b"\x00\x01" * 40000)
        peer.send(b"beat", 9)
        same(peer.frame(), (0x8A, b"beat"), "pong")
        peer.close(1001, b"so long")
        peer.close_code()

    with FakeServer(script) as server:
        r = connect("--wirelog", "--keep-open", server.url, stdin=b"out\n")
        same(r.returncode, 0, "exit code")
        lines = [re.sub(r"mask=[0-9a-f]{8}", "mask=M", re.sub(r"^[\d:.]{12} ", "", x))
                 for x in r.stderr.decode().splitlines()]
        same(lines, [
            lines[0], lines[1],
            '-> text FIN mask=M length=3 "out"',
            '<- text length=2 "fr"',
            '<- continuation FIN length=6 "agment"',
            '<- text FIN length=1000 "' + "x" * 48 + '"...',
            "<- binary FIN length=80000 " + "0001" * 24 + "...",
            '<- ping FIN length=4 "beat"',
            '-> pong FIN mask=M length=4 "beat"',
            '<- close FIN length=9 1001 "so long"',
            '-> close FIN mask=M length=2 1001',
        ], "lines")
        check(re.fullmatch(r"-> head, \d+ octets: GET /ws HTTP/1.1", lines[0]), lines[0])
        check(re.fullmatch(r"<- head, \d+ octets: HTTP/1.1 101 .*", lines[1]), lines[1])


@test
def wirelog_of_frames_that_come_octet_by_octet():
    frames = [b"\x81\x00", b"\x01\x01a", b"\x00\x00", b"\x80\x01b", b"\x89\x00",
              b"\x82\x7e\x00\x80" + b"\xee" * 128, b"\x88\x02\x03\xe8"]

    def script(peer):
        peer.accept()
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in b"".join(frames):
            peer.socket.sendall(bytes([octet]))
        peer.close_code()

    with FakeServer(script) as server:
        r = connect("--wirelog", "--keep-open", server.url)
        got = [x[13:] for x in r.stderr.decode().splitlines() if " <- " in x][1:]
        same(got, ["<- text FIN length=0", '<- text length=1 "a"', "<- continuation length=0",
                   '<- continuation FIN length=1 "b"', "<- ping FIN length=0",
                   "<- binary FIN length=128 " + "ee" * 48 + "...",
                   "<- close FIN length=2 1000"], "lines")


@test
def interim_answers_are_passed_over_and_shown():
    def script(peer):
        peer.answer("HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: </a>\n\n")
        peer.accept()
        peer.send("hello")
        peer.close()

    with FakeServer(script) as server:
        r = connect("-W", "--keep-open", server.url)
        same((r.returncode, r.stdout), (0, b"hello\n"), "exit code and stdout")
        got = re.findall(r"<- (?:head, \d+ octets: HTTP/1.1 )?(.*)", r.stderr.decode())
        same(got, ["100 Continue", "103 Early Hints", "101 Switching Protocols",
                   'text FIN length=5 "hello"', "close FIN length=2 1000"], "the log")


@test
def wirelog_shows_what_breaks_the_rules():
    def script(peer):
        peer.accept()
        peer.send("ok \x1b[31m")
        peer.send(b"?", 11, first=0xF0)
        peer.close_code()

    with FakeServer(script) as server:
        r = connect("--wirelog", "--keep-open", server.url)
        text = r.stderr.decode()
        check("<- reserved opcode 11 FIN RSV1 RSV2 RSV3 length=1 3f\n" in text, text)
        check("\x1b" not in text, "an escape sequence")


@test
def wirelog_of_compressed_messages():
    with Server() as server:
        r = connect("-W", "-n1", server.urls[0], stdin=b"x" * 500)
        text = r.stderr.decode()
        check(re.search(r"-> text FIN RSV1 mask=\w{8} length=\d+ [0-9a-f]+", text), text)
        check(re.search(r"<- text FIN RSV1 length=\d+ [0-9a-f]+", text), text)


@test
def verbose_shows_the_heads():
    with FakeServer(lambda p: p.answer("HTTP/1.1 403 No\nX: \x9b31m\nContent-Length: 8\n\n"
                                       "not\x1byou!\n")) as server:
        r = connect("-v", "-H", "X-Mine: 1", server.url)
        text = r.stderr.decode()
        for wanted in ["> GET /ws HTTP/1.1\n", "> X-Mine: 1\n", "< HTTP/1.1 403 No\n",
                       "< X: \\x9b31m", "not\\x1byou!"]:
            check(wanted in text, f"{wanted!r} is missing in {text!r}")
        check("\x1b" not in text, "an escape sequence")
    with Server() as server:
        text = connect("-v", "-n1", server.urls[0], stdin=b"x\n").stderr.decode()
        for wanted in ["< HTTP/1.1 101 ", f"* connected to {server.urls[0]} at 127.0.0.1:",
                       "* closed with 1000"]:
            check(wanted in text, f"{wanted!r} is missing in {text!r}")


@test
def close_reasons_and_statuses_are_made_safe():
    evil = "\x1b]0;x\x07\u009b31m\u202e"
    with FakeServer(lambda p: (p.accept(), p.close(4000, evil.encode()), p.close_code())) as server:
        r = connect("--keep-open", server.url)
        one_line(r.stderr, "4000", "\\x1b]0;x\\x07\\u009b31m\\u202e")
    with FakeServer(lambda p: p.answer("HTTP/1.1 418 \x1b[31m\x07\n\n")) as server:
        text = connect(server.url).stderr.decode()
        check("\x1b" not in text and "\x07" not in text and text.count("\n") == 1, repr(text))


@test
def times_and_sizes():
    with Server() as server:
        r = connect("--times", "--sizes", "-n1", server.urls[0], stdin=b"hello\n")
        check(re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[5\] hello\n", r.stdout), r.stdout)


# ------------------------------------------------------------------------- to be judged


@test
def testee_runs_all_cases():
    seen = []

    def script(peer):
        target = peer.head.split()[1]
        seen.append(target)
        if "case=2&" in target:
            peer.answer("HTTP/1.1 400 Bad\n\n")
            return
        peer.accept()
        if target.startswith("/runCase"):
            check("permessage-deflate" in peer.head, "compression is not offered")
            peer.send("echo this")
            same(peer.frame(), (0x81, b"echo this"), "echo")
            peer.send(b"\xff" * 70000)
            same(peer.frame(), (0x82, b"\xff" * 70000), "echo")
        elif target == "/getCaseCount":
            peer.send("3")
        peer.close()
        peer.close_code()

    with FakeServer(script) as server:
        r = connect("--testee", "--agent", "a b/1", server.url[:-3])
        same(seen, ["/getCaseCount", "/runCase?case=1&agent=a%20b%2F1",
                    "/runCase?case=2&agent=a%20b%2F1", "/runCase?case=3&agent=a%20b%2F1",
                    "/updateReports?agent=a%20b%2F1"], "requests")
        same(r.returncode, 1, "exit code")
        one_line(r.stderr, "case 2", "400")
        same(r.stdout, b"2 cases were run as a b/1, 1 could not be\n", "stdout")


@test
def testee_is_ended_ahead_of_time():
    codes, targets, reached = [], [], threading.Event()

    def script(peer):
        targets.append(peer.head.split()[1])
        peer.accept()
        if targets[-1] == "/getCaseCount":
            peer.send("3")
            peer.close()
        else:
            reached.set()
        codes.append(peer.close_code())
        if len(codes) > 1:
            peer.close(codes[-1])

    for number, code in [(None, 3), (signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGHUP, 130)]:
        codes.clear(), targets.clear(), reached.clear()
        with FakeServer(script) as server, start("--testee", *(["-m", "2s"] if not number else []),
                                                 server.url[:-3]) as p:
            check(reached.wait(PATIENCE), "no case was run")
            if number:
                p.send_signal(number)
            same(p.wait(PATIENCE), code, f"exit code after {number}")
            same(p.stdout.read(), b"", "stdout")
            told = p.stderr.read()
            same(b"--timeout" in told, not number, "what was told")
        same((codes[1:], len(targets)), ([1001], 2), "close code, connections")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/"
        r = connect("--testee", "-m", "200ms", url)
        same(r.returncode, 3, "exit code before it was open")
        one_line(r.stderr, "--timeout")
        with Unread("pipe") as told:
            told.fill()
            with start("--testee", "-m", "200ms", url, stderr=told.writer) as p:
                try:
                    same(p.wait(PATIENCE), 3, "exit code with a stderr that nobody reads")
                finally:
                    p.kill()


@test
def hangup_that_is_ignored_stays_so():
    def script(peer):
        peer.accept()
        if peer.head.startswith("GET /get"):
            peer.send("1")
            peer.close()
            peer.close_code()
            return
        time.sleep(0.3)
        peer.close()
        codes.append(peer.close_code())

    codes = []
    for args in ["--json"], ["--testee"]:
        with FakeServer(script) as server:
            p = subprocess.Popen(["sh", "-c", 'trap "" HUP; exec "$@"', "sh", PROGRAM, "connect", *args,
                                  server.url[:-3]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
            wait_until(lambda: server.connections >= (2 if "--testee" in args else 1), "a connection")
            time.sleep(0.1)
            p.send_signal(signal.SIGHUP)
            out, err = p.communicate(timeout=PATIENCE)
            same((p.returncode, err), (0, b""), f"exit code and stderr of {args}")
            check(b'"code":1000' in out or b"1 cases were run" in out, out)
    check(set(codes) == {1000}, codes)


@test
def user_of_the_proxy_takes_the_place_of_the_one_in_its_url():
    seen = []

    def script(peer):
        seen.append(base64.b64decode(peer.field("Proxy-Authorization").split()[1]))
        peer.answer("HTTP/1.1 403 No\n\n")

    with FakeServer(script) as proxy:
        for user in "", "old:one@", "old:o%40e@":
            r = connect("-x", f"http://{user}127.0.0.1:{proxy.port}", "-U", "me:a@b",
                        "ws://192.0.2.1/")
            same(r.returncode, 1, r.stderr)
    same(seen, [b"me:a@b"] * 3, "users")


@test
def proxy_of_the_environment_that_is_none():
    for args in [], ["--json"], ["--testee"]:
        r = connect(*args, "ws://127.0.0.1:1/", env={"ws_proxy": "ftp://me:hush@127.0.0.1"})
        same(r.returncode, 1, "exit code")
        one_line(r.stderr, "the proxy of the environment: the scheme")
        check(b"hush" not in r.stderr, r.stderr)
        if "--json" in args:
            fail, = events(r.stdout)
            same((fail["event"], fail["kind"]), ("fail", "proxy"), "event")


run_tests()
