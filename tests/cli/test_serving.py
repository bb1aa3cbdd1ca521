#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""websock serve at work: echo, broadcast, several addresses and workers, full queues."""
import contextlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import zlib

from cli_harness import (PATIENCE, PROGRAM, Client, Server, Skip, check, get, http, run_tests, same,
                         test, wait_until, websock)
from ports import has_ipv6, port_alone


@test
def echo_of_text_and_binary():
    with Server() as server:
        with Client(server.urls[0]) as c:
            for data in ["", "hello", "κόσμε", b"", b"\x00\xff", "x" * 126, b"y" * 65536, "z" * 300000]:
                c.send(data)
                check(c.message() == data, f"echo of {len(data)}")
            c.close(1000)
            same(c.close_code(), 1000, "close code")
            check(c.at_end(), "the server did not drop TCP first")
        same(server.stop(), 0, "exit code")


@test
def without_a_url_it_serves_the_default():
    # The port may be in use on this machine: then the message has to name it.
    with port_alone(8888), Server(urls=(), banner=False) as server:
        wait_until(lambda: server.output() or server.process.poll() is not None, "a sign of life")
        if not server.output():
            check("ws://127.0.0.1:8888/ws" in server.log(), server.log())
            raise Skip("port 8888 is in use")
        server.read_banner()
        same(server.urls, ["ws://127.0.0.1:8888/ws"], "URLs")
        same(server.stop(), 0, "exit code")


@test
def several_addresses_at_once():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        urls = ("ws://127.0.0.1:0/one", "wss://127.0.0.1:0/two", f"ws+unix:{path}",
                "ws://[::1]:0/three")
        if not has_ipv6():
            raise Skip("no IPv6 here")
        with Server("--tls-self-signed", urls=urls) as server:
            same(len(server.urls), 4, "addresses")
            for url in server.urls:
                with Client(url) as c:
                    c.send(url)
                    same(c.message(), url, "echo")
            # Each has its own path.
            status, _, _ = get(server.urls[0], "/two")
            same(status, 404, "path of another address")
            same(server.stop(), 0, "exit code")
        check(not os.path.exists(path), "the Unix socket is left behind")


@test
def both_ways_of_waiting():
    for io in ["epoll", "uring"]:
        r = websock("serve", "--io", io, "http://")
        same(r.returncode, 2, "the way is known")
    with Server("--io", "epoll") as server:
        with Client(server.urls[0]) as c:
            check(" epoll," in server.banner, server.banner)
            c.send("hello")
            same(c.message(), "hello", "echo")
        same(server.stop(), 0, "exit code")
    try:
        server = Server("--io", "uring")
    except AssertionError as e:
        check("--io uring" in str(e), str(e))
        raise Skip("this kernel refuses io_uring") from e
    with server:
        with Client(server.urls[0]) as c:
            check(" io_uring," in server.banner, server.banner)
            c.send("hello")
            same(c.message(), "hello", "echo")
        same(server.stop(), 0, "exit code")


@test
def broadcast_reaches_all_workers():
    with Server("--broadcast", "--workers", "4") as server:
        clients = [Client(server.urls[0]) for _ in range(24)]
        for i, c in enumerate(clients):
            c.send(f"message {i}")
            for other in clients:
                same(other.message(), f"message {i}", "broadcast")
        clients[0].send(b"\x01" * 100000)
        for other in clients:
            check(other.message() == b"\x01" * 100000, "large broadcast")
        for c in clients:
            c.socket.close()
        same(server.stop(), 0, "exit code")


def peak(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))


@test
def who_is_told_to_go_is_kept_nothing_for():
    """A pause does not hold behind our close frame: what is sent then cannot be echoed any more."""
    frame = struct.pack("!BBQI", 0x82, 0xFF, 65536, 0) + bytes(65536)
    with Server("--max-queued", "96K", "--high-water", "64K", "--drain", "30s",
                "--close-timeout", "20s") as server:
        with Client(server.urls[0], receive_buffer=65536) as c:
            rest, more = b"", 0
            while select.select([], [c.socket], [], 1)[1]:
                rest = rest or frame
                rest = rest[c.socket.send(rest, socket.MSG_DONTWAIT):]
            before = peak(server)
            server.process.send_signal(signal.SIGTERM)
            while more < 48 << 20:
                can_read, can_write, _ = select.select([c.socket], [c.socket], [], PATIENCE)
                check(can_read or can_write, f"nothing moves behind {more} octets")
                if can_read:
                    check(c.socket.recv(1 << 20), "the end before ours")
                if can_write:
                    rest = rest or frame
                    n = c.socket.send(rest, socket.MSG_DONTWAIT)
                    rest = rest[n:]
                    more += n
            grown = peak(server) - before
            check(grown < 16 << 10, f"{grown} KiB for {more} octets that nobody wants")
        same(server.process.wait(PATIENCE), 0, "exit code")


@test
def who_does_not_read_his_echo_is_not_read_from():
    """What came in one read may inflate to far more than may wait: only the last of it does."""
    count, size = 96, 1 << 20

    def text_of(i):
        return i.to_bytes(4, "big") + bytes(size - 4)

    for io in ["epoll", "auto"]:
        with Server("--max-queued", "1M", "--high-water", "1M", "--io", io,
                    "--compression-threshold", "2M") as server:
            with Client(server.urls[0], receive_buffer=65536, fields=[
                    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                    "client_no_context_takeover"]) as c, Client(server.urls[0]) as other:
                blob = b""
                for i in range(count):
                    z = zlib.compressobj(6, zlib.DEFLATED, -15)
                    data = (z.compress(text_of(i)) + z.flush(zlib.Z_SYNC_FLUSH))[:-4]
                    blob += struct.pack("!BBHI", 0xC2, 0x80 | 126, len(data), 0) + data
                before = peak(server)
                c.socket.sendall(blob)
                # Each takes a turn of the loop, or more.
                for _ in range(300):
                    other.send("?")
                    same(other.message(), "?", "echo meanwhile")
                grown = peak(server) - before
                check(grown < 48 << 10, f"{grown} KiB for {count} messages that wait")
                frame = 10 + size
                echoes = memoryview(bytearray(count * frame))
                n = 0
                while n < len(echoes):
                    k = c.socket.recv_into(echoes[n:])
                    check(k > 0, f"the end behind {n} octets of echoes")
                    n += k
                for i in range(count):
                    wanted = struct.pack("!BBQ", 0x82, 127, size) + text_of(i)
                    check(echoes[i * frame:(i + 1) * frame] == wanted, f"echo {i} is another")
            same(server.stop(), 0, "exit code")


@test
def who_does_not_keep_up_misses_broadcasts():
    with Server("--broadcast", "--max-queued", "64K", "--high-water", "64K",
                "--no-compression") as server:
        with Client(server.urls[0]) as sender:
            with Client(server.urls[0], receive_buffer=65536) as idle:
                for _ in range(200):
                    sender.send(b"x" * 60000)
                    same(len(sender.message()), 60000, "broadcast to one who reads")
                same(len(idle.message()), 60000, "the first waits for one who does not")
        same(server.stop(), 0, "exit code")
        skipped = int(re.search(r"skipped=(\d+)", server.log()).group(1))
        check(0 < skipped < 200, f"{skipped} skipped")


@test
def workers_share_an_address():
    with Server("--workers", "3", "--max-connections", "3000") as server:
        for i in range(60):
            with Client(server.urls[0]) as c:
                c.send(f"{i}")
                same(c.message(), f"{i}", "echo")
        same(server.stop(), 0, "exit code")


@test
def workers_share_out_the_most_connections():
    def taken(url, most):
        """How many stay open of so many that try; the kernel distributes them at random."""
        with contextlib.ExitStack() as stack:
            for i in range(20 * most + 40):
                try:
                    stack.enter_context(Client(url))
                except AssertionError as why:
                    check("HTTP/1.1 503 " in str(why), why)
                    continue
                most -= 1
            return -most

    for most, workers, more in ((5, 2, 0), (7, 3, 0), (4, 4, 0), (2, 3, 1)):
        with Server("--workers", str(workers), "--max-connections", str(most)) as server:
            same(taken(server.urls[0], most), more, f"how many more than {most} of {workers} workers")
    with tempfile.TemporaryDirectory() as folder:
        url = f"ws+unix:{folder}/socket:/"
        for urls in [url], [url, url.replace("socket", "another")]:
            with Server("--workers", "4", "--max-connections", "6", urls=urls) as server:
                same(taken(url, 6), 0, "how many more than 6 of a Unix socket")


@test
def connections_get_the_open_files_that_they_need():
    if "WSK_TEST_VALGRIND" in os.environ:
        raise Skip("memcheck has limits of descriptors of its own")

    def limits(*args):
        """Of open files, once it listens; and what it said."""
        with subprocess.Popen(
                ["sh", "-c", 'ulimit -Sn 64; ulimit -Hn 200; exec "$@"', "sh", PROGRAM, "serve",
                 "ws://127.0.0.1:0/ws", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True) as p:
            try:
                while "listens on" not in p.stdout.readline():
                    same(p.poll(), None, "it runs")
                with open(f"/proc/{p.pid}/limits", encoding="ascii") as f:
                    found = re.search(r"Max open files +(\d+) +(\d+)", f.read())
            finally:
                p.terminate()
            log = p.communicate(timeout=PATIENCE)[1]
            same(p.returncode, 0, log)
            return tuple(map(int, found.groups())), log

    for args in ((), ("--max-connections", "50")):
        found, log = limits(*args)
        same(found, (200, 200), args)
        check("open files" not in log, log)
    found, log = limits("--max-connections", "999", "--workers", "2")
    says = "999 connections need 1095 open files; the limit is 200 (ulimit -Hn)"
    # Root may have as many as are asked for, unless it is confined.
    same((found, says in log), ((200, 200), True) if "open files" in log else
         ((1095, 1095), False), log)


@test
def nothing_is_lost_when_the_queue_is_full():
    # The client reads nothing until the server takes no more. How much that is is the kernel's
    # choice: it may let the buffers of both ends grow to dozens of megabytes.
    with Server("--max-queued", "64K", "--high-water", "64K", "--low-water", "1K",
                "--no-compression", "--write-timeout", "never", "--ping-interval",
                "never") as server:
        with Client(server.urls[0], receive_buffer=65536) as c:
            size, most = 5000, 60000
            begun, lock = [0], threading.Lock()

            def message(i):
                return (b"%08d" % i) * (size // 8)

            def send_until_told():
                for i in range(most):
                    with lock:
                        if begun[0] != i:
                            return
                        begun[0] += 1
                    c.send(message(i))

            sender = threading.Thread(target=send_until_told, daemon=True)
            sender.start()
            before = -1
            while begun[0] < most and (before != begun[0] or
                                       select.select([], [c.socket], [], 0)[1]):
                before = begun[0]
                sender.join(1.0)
            check(begun[0] < most, "the server took everything: there was no backpressure")
            with lock:
                total, begun[0] = begun[0], -1
            for i in range(total):
                check(c.message() == message(i), "echo out of order or damaged")
            sender.join()
            c.close()
            same(c.close_code(), 1000, "close code")
        same(server.stop(), 0, "exit code")


@test
def burst_beyond_a_tiny_queue():
    # All of it is read at once, though the queue is full after the first.
    with Server("--max-queued", "1", "--high-water", "1", "--low-water", "1") as server:
        with Client(server.urls[0]) as c:
            for i in range(200):
                c.send(f"message {i}")
            for i in range(200):
                same(c.message(), f"message {i}", "echo")
        same(server.stop(), 0, "exit code")


@test
def limits_have_their_effect():
    with Server("--max-message", "1K") as server:
        with Client(server.urls[0]) as c:
            c.send("x" * 1024)
            same(len(c.message()), 1024, "a message at the limit")
            c.send("x" * 1025)
            same(c.close_code(), 1009, "close code")
        same(server.stop(), 0, "exit code")
    with Server("--max-head", "256") as server:
        status, _, _ = http(server.urls[0], b"GET /ws HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 300)
        same(status, 431, "status for a large head")
        same(server.stop(), 0, "exit code")
    with Server("--open-timeout", "500ms") as server:
        status, _, _ = http(server.urls[0], b"GET /ws HTTP/1.1\r\n")
        same(status, 408, "status for a slow head")
        same(server.stop(), 0, "exit code")
    with Server("--idle-timeout", "500ms") as server:
        with Client(server.urls[0]) as c:
            same(c.close_code(), 1001, "close code when idle")
        same(server.stop(), 0, "exit code")
    with Server("--ping-interval", "50ms", "--ping-timeout", "50ms") as server:
        with Client(server.urls[0]) as c:
            same(c.frame()[0], 9, "opcode of a ping")
            check(c.at_end(), "a silent client was not dropped")
        same(server.stop(), 0, "exit code")
    with Server("--max-connections", "1") as server:
        with Client(server.urls[0]):
            status, _, _ = get(server.urls[0], "/")
            same(status, 503, "status when full")
        same(server.stop(), 0, "exit code")
    with Server("--fragment-size", "4") as server:
        with Client(server.urls[0]) as c:
            c.send("12345678")
            same(c._take(12), b"\x01\x041234\x80\x045678", "fragments")
        same(server.stop(), 0, "exit code")


@test
def rates():
    with Server("--max-message-rate", "1", "--message-burst", "2") as server:
        with Client(server.urls[0]) as c:
            with contextlib.suppress(OSError):  # it is gone when that takes its time
                for _ in range(40):
                    c.send("x")
            for _ in range(40):
                opcode, payload = c.frame()
                if opcode == 8:
                    break
            same(opcode, 8, "opcode beyond the rate")
            same(payload, b"\x03\xf0messages come faster than the limit", "close frame")
        server.wait_log('code=1008 clean=no reason="messages come faster than the limit"')
        same(server.stop(), 0, "exit code")
        server.wait_log("limited=1")
    with Server("--max-handshake-rate", "1") as server:
        for _ in range(100):
            status, _, _ = get(server.urls[0], "/")
            if status == 429:
                break
        same(status, 429, "status when too fast")
        server.wait_log("status=429")
        same(server.stop(), 0, "exit code")


@test
def hosts():
    with Server("--host", "example.org") as server:
        status, _, _ = http(server.urls[0], b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
        same(status, 200, "status for its host")
        status, _, _ = http(server.urls[0], b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
        same(status, 421, "status for another host")
        same(server.stop(), 0, "exit code")
    with Server() as server:
        port = server.urls[0].split(":")[2].split("/")[0]
        status, _, _ = http(server.urls[0], f"GET /ws HTTP/1.1\r\nHost: a.example:{port}\r\n"
                            f"Origin: http://a.example:{port}\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        same(status, 421, "status for a page whose name was led here")
        same(server.stop(), 0, "exit code")


@test
def origins_and_subprotocols():
    with Server("--origin", "https://a.example", "-o", "https://b.example", "-s", "second",
                "--subprotocol", "first", "--server-name", "a server") as server:
        url = server.urls[0]
        with Client(url, ["Origin: https://b.example",
                          "Sec-WebSocket-Protocol: first, second"]) as c:
            check("\r\nSec-WebSocket-Protocol: second" in c.head, c.head)
            check("\r\nServer: a server" in c.head, c.head)
        with Client(url):
            pass
        try:
            Client(url, ["Origin: https://c.example"])
            raise AssertionError("a foreign origin was let in")
        except AssertionError as e:
            check(" 403 " in str(e), str(e))
        same(server.stop(), 0, "exit code")
    with Server("--origin", "*") as server:
        with Client(server.urls[0], ["Origin: https://c.example"]):
            pass
        same(server.stop(), 0, "exit code")
    with Server() as server:
        with Client(server.urls[0], ["Origin: http://localhost:1234"]) as c:
            c.send("x")
            same(c.message(), "x", "echo for a page of the same host")
        try:
            Client(server.urls[0], ["Origin: https://c.example"])
            raise AssertionError("a foreign origin was let in")
        except AssertionError as e:
            check(" 403 " in str(e), str(e))
        same(server.stop(), 0, "exit code")


@test
def compression_is_a_choice():
    offer = ["Sec-WebSocket-Extensions: permessage-deflate"]
    with Server() as server:
        with Client(server.urls[0], offer) as c:
            check("permessage-deflate" in c.head, c.head)
        same(server.stop(), 0, "exit code")
    with Server("--no-compression") as server:
        with Client(server.urls[0], offer) as c:
            check("permessage-deflate" not in c.head, c.head)
        same(server.stop(), 0, "exit code")
    with Server("--server-no-context-takeover", "--server-window-bits", "10") as server:
        with Client(server.urls[0], offer) as c:
            check("server_no_context_takeover" in c.head, c.head)
            check("server_max_window_bits=10" in c.head, c.head)
        same(server.stop(), 0, "exit code")


run_tests()
