#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The lines that websock serve writes, as text and as JSON, and what a peer can put into them."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile

from cli_harness import (PATIENCE, PROGRAM, Client, Server, Unread, check, connect, get, run_tests,
                         same, test, wait_until)

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@test
def a_line_when_it_opens_and_one_when_it_closes():
    with Server("-s", "chat") as server:
        with Client(server.urls[0], ["Origin: http://localhost", "Sec-WebSocket-Protocol: chat",
                                     "Sec-WebSocket-Extensions: permessage-deflate"]) as c:
            host, port = c.socket.getsockname()
            line = server.wait_log(" open ")
            check(re.match(TIME + r" info  open peer=", line), line)
            for part in [f"peer={host}:{port} ", "target=/ws ", "origin=http://localhost ",
                         "subprotocol=chat ", "extensions=permessage-deflate"]:
                check(part in line + " ", f"{part!r} in {line!r}")
            c.send("one")
            c.send("two")
            c.message(), c.message()
            c.close(1000, "all\tdone")
            same(c.close_code(), 1000, "close code")
            line = server.wait_log(" close ")
            check("peer_reason=" in line and "done" in line.split("peer_reason=")[1], line)
            for part in [f"peer={host}:{port} ", "messages_in=2 ", "messages_out=2 ", "code=1000 ",
                         "clean=yes ", "reason="]:
                check(part in line, f"{part!r} in {line!r}")
            check(re.search(r"seconds=\d+\.\d{3} octets_in=|seconds=\d+\.\d{3} ", line), line)
            octets = int(re.search(r"octets_in=(\d+)", line).group(1))
            check(octets > 100, f"{octets} octets")
        same(server.stop(), 0, "exit code")


@test
def failures_are_said_in_words():
    with Server() as server:
        with Client(server.urls[0]) as c:
            c.socket.sendall(b"\x81\x05Hello")  # not masked
            same(c.close_code(), 1002, "close code")
            line = server.wait_log(" close ")
            check("code=1002 " in line and "clean=no" in line and "mask" in line, line)
        with Client(server.urls[0]):
            pass
        line = server.wait_log(" close .*code=1006")
        check("clean=no" in line and "peer_reason" not in line, line)
        same(server.stop(), 0, "exit code")


@test
def json_lines():
    with Server("--log-format", "json", banner=False) as server:
        listening = json.loads(server.wait_log('"event":"listen"'))
        same(listening["compression"], True, "compression")
        same(listening["workers"], 1, "workers")
        url = listening["url"]
        with Client(url, ['Origin: http://localhost']) as c:
            c.send("hello")
            c.message()
            c.close(1000)
            c.close_code()
        closed = json.loads(server.wait_log('"event":"close"'))
        same(closed["messages_in"], 1, "messages_in")
        same(closed["code"], 1000, "code")
        same(closed["clean"], True, "clean")
        check(isinstance(closed["seconds"], float), "seconds")
        get(url, "/%22%7f\"")
        get(url, "/x")
        server.wait_log('"target":"/x"')
        same(server.stop(), 0, "exit code")
        same(server.output(), "", "stdout")
        lines = [json.loads(line) for line in server.log().splitlines()]
        for line in lines:
            check(re.fullmatch(TIME, line["time"]), line)
            check(line["level"] in ("info", "warn", "error"), line)
            check("event" in line, line)
        same(lines[-1]["event"], "end", "last event")


@test
def peers_cannot_write_lines_of_their_own():
    nasty = "x\u202ey\u0085z\u2028"
    with Server("-o", "*") as server:
        with Client(server.urls[0], [f"Origin: http://{nasty}/"]) as c:
            c.close(1000)
            c.close_code()
        server.wait_log(" close ")
        same(server.stop(), 0, "exit code")
        log = server.log()
        for bad in ["\u202e", "\u0085", "\u2028"]:
            check(bad not in log, f"{bad!r} reached the log")
        for line in log.splitlines():
            check(re.match(TIME, line), line)


@test
def long_values_are_cut():
    with Server() as server:
        get(server.urls[0], "/" + "a" * 5000)
        line = server.wait_log(" http ")
        check(len(line) < 700, f"{len(line)} characters")
        check("..." in line, line)
        check(line.endswith("status=404"), line[-40:])
        same(server.stop(), 0, "exit code")


def refuse(server, n):
    """n connections that say nothing that makes sense, to the end of each"""
    for _ in range(n):
        with connect(server.urls[0]) as s:
            s.sendall(b"nonsense\r\n\r\n")
            check(s.recv(100).startswith(b"HTTP/1.1 400 "), "an answer")
            s.shutdown(socket.SHUT_WR)
            while s.recv(1000):
                pass


@test
def refusals_name_what_was_asked():
    with Server() as server:
        with connect(server.urls[0]) as s:
            s.sendall(b"GET /x?y HTTP/1.1\r\nHost: a.test\r\nOrigin: http://b\xff.test\r\n"
                      b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: short\r\n"
                      b"Sec-WebSocket-Version: 13\r\n\r\n")
            check(s.recv(100).startswith(b"HTTP/1.1 400 "), "an answer")
        line = server.wait_log(" refuse peer=")
        check(" status=400 " in line and " target=/x?y host=a.test origin=" in line, line)
        check(line.isascii(), line)
        refuse(server, 1)
        wait_until(lambda: server.log().count(" refuse peer=") == 2, "the second")
        line = server.log().split(" refuse peer=")[2].split("\n")[0]
        check("target=" not in line and "host=" not in line, line)
        same(server.stop(), 0, "exit code")
    with Server("--origin", "https://good.test") as server:
        with connect(server.urls[0]) as s:
            s.sendall(b"GET /x?y HTTP/1.1\r\nHost: a.test\r\nOrigin: https://bad.test\r\n"
                      b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
                      b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                      b"Sec-WebSocket-Version: 13\r\n\r\n")
            check(s.recv(100).startswith(b"HTTP/1.1 403 "), "an answer")
        line = server.wait_log(" refuse peer=")
        check(line.endswith(" target=/x?y host=a.test origin=https://bad.test"), line)
        same(server.stop(), 0, "exit code")


@test
def refused_connections_have_so_many_lines_a_second():
    with Server("--log-refused", "1") as server:
        n = 0
        # On a slow machine there may be one in a second.
        while " refuse more=" not in server.log() and n < 500:
            refuse(server, 5)
            n += 5
        # Each is told of once, in a line or a number.
        wait_until(lambda: told(server.log()) == n, f"all {n} to be told of")
        check(" refuse more=" in server.log(), server.log())
        # Another second has another line.
        lines = server.log().count(" refuse peer=")
        while server.log().count(" refuse peer=") == lines:
            refuse(server, 5)
            n += 5
        same(server.stop(), 0, "exit code")
        same(told(server.log()), n, "those told of, with what was left at the end")
    with Server("--log-refused", "0") as server:
        refuse(server, 10)
        same(server.stop(), 0, "exit code")
        same(len(re.findall(" refuse peer=", server.log())), 10, "lines")
        check("more=" not in server.log(), server.log())
    with Server("--log-refused", "1", "--log-format", "json", banner=False) as server:
        server.urls = [json.loads(server.wait_log('"event":"listen"'))["url"]]
        while '"more":' not in server.log():
            refuse(server, 5)
        line = json.loads(server.wait_log('"event":"refuse","more":'))
        check(line["more"] >= 1, line)
        same(server.stop(), 0, "exit code")


@test
def requests_for_what_is_not_there_count_with_them():
    with Server("--log-refused", "2") as server:
        n = 50
        for _ in range(n):
            same(get(server.urls[0], "/nothing")[0], 404, "status")
            get(server.urls[0], "/")
        server.wait_log(" refuse more=")
        check(server.log().count("status=404") < n, "each 404 has a line")
        same(server.log().count("target=/ status=200"), n, "lines for what is there")
        same(server.stop(), 0, "exit code")


def told(log):
    """how many refused connections a log tells of"""
    return (len(re.findall(" refuse peer=", log)) +
            sum(int(n) for n in re.findall(" refuse more=(\\d+)", log)))


def answers(url):
    try:
        get(url, "/")
    except OSError:
        return False
    return True


@test
def levels():
    for level, wanted in [("info", True), ("warn", False), ("off", False)]:
        with Server("--log-level", level) as server:
            get(server.urls[0], "/")
            same(server.stop(), 0, "exit code")
            same(" http " in server.log(), wanted, level)
    with tempfile.TemporaryDirectory() as folder:
        url = f"ws+unix:{folder}/socket:/ws"
        with Server("--quiet", "--workers", "1", urls=(url,), banner=False) as server:
            # There is no line to wait for. Who answers takes signals itself.
            wait_until(lambda: answers(url), "the server to answer")
            same(server.stop(), 0, "exit code")
            same(server.log(), "", "log")
            same(server.output(), "", "stdout")


@test
def without_standard_files_no_line_goes_astray():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/s"
        p = subprocess.Popen(["sh", "-c", f"exec {PROGRAM} serve ws+unix:{path} <&- >&- 2>&-"])
        try:
            wait_until(lambda: os.path.exists(path), "the server to listen")
            for fd in range(3):
                same(os.readlink(f"/proc/{p.pid}/fd/{fd}"), "/dev/null", f"descriptor {fd}")
        finally:
            p.terminate()
            same(p.wait(PATIENCE), 0, "exit code")


@test
def a_log_that_nobody_reads_keeps_nobody_waiting():
    for kind in ["pipe", "terminal", "socket"]:
        with Unread(kind) as log, Server("-w", "2", "--drain", "1h", "--close-timeout", "1h",
                                         stderr=log.writer) as server:
            log.fill()
            for _ in range(6):
                with Client(server.urls[0]) as c:
                    c.send("hello")
                    same(c.message(), "hello", f"{kind}: echo")
                    c.close()
                    same(c.close_code(), 1000, f"{kind}: close code")
            text = log.read()

            def told():
                nonlocal text
                get(server.urls[0], "/")
                text += log.read()
                return re.search("([0-9]+) lines of the log were not taken", text)

            lost = int(wait_until(told, f"{kind}: how much was lost").group(1))
            check(lost >= 6, f"{kind}: {lost} lines were lost")
            same(text.count("were not taken"), 1, f"{kind}: how often it was told")
            log.fill()
            with Client(server.urls[0]) as c:
                server.signal(signal.SIGTERM)
                same(c.close_code(), 1001, f"{kind}: close code of the drain")
                server.signal(signal.SIGTERM)
                same(server.wait(), 3, f"{kind}: exit code")


run_tests()
