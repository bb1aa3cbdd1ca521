#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
""""websock connect" against the server of Python's websockets. FILE WEBSOCK IO SCHEME"""
import asyncio
import base64
import http
import json
import os
import ssl
import threading

from harness import FOLDER, SCHEME, add, certificate, equal, run_tests, skip_all, test
from connect_client import connect, good

try:
    import websockets
    from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory as Deflate
except ImportError as e:
    skip_all(f"Python's websockets is not installed: {e}")


class Peer:
    """A server with this handler, on a thread with a loop of its own."""

    def __init__(self, handler, path=None, **options):
        self.loop = asyncio.new_event_loop()
        self.handler, self.path, self.options = handler, path, options
        self.failure = None
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def handle(self, ws):
        try:
            await self.handler(ws)
        except websockets.exceptions.ConnectionClosed:
            pass
        except Exception as e:  # whatever it is: told at the end
            self.failure = e

    async def begin(self):
        options = {"compression": None, "max_size": None, "ping_interval": None, **self.options}
        if SCHEME == "wss":
            options["ssl"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            options["ssl"].load_cert_chain(*certificate())
        if self.path:
            return await websockets.unix_serve(self.handle, self.path, **options)
        return await websockets.serve(self.handle, "127.0.0.1", 0, **options)

    def __enter__(self):
        self.server = asyncio.run_coroutine_threadsafe(self.begin(), self.loop).result(10)
        if not self.path:
            self.port = self.server.sockets[0].getsockname()[1]
            self.url = f"{SCHEME}://127.0.0.1:{self.port}/"
        return self

    def __exit__(self, kind, *_):
        async def end():
            self.server.close()
            await self.server.wait_closed()
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        if kind is None and self.failure is not None:
            raise self.failure


async def echo(ws):
    async for message in ws:
        await ws.send(message)


MODES = {"plain": {}, "compressed": {"extensions": [Deflate()]},
         "without context takeover": {"extensions": [Deflate(server_no_context_takeover=True,
                                                             client_no_context_takeover=True)]},
         "with small windows": {"extensions": [Deflate(server_max_window_bits=9,
                                                       client_max_window_bits=9)]}}


def echoes(options):
    with Peer(echo, **options) as peer:
        lines = "".join(f"line {i} \u20ac {'x' * (i * 37 % 5000)}\n" for i in range(300)).encode()
        good(connect("-n300", peer.url, stdin=lines), lines)
        octets = os.urandom(100000) + b"repeat " * 300000
        good(connect("-w", "-B", "-n1", peer.url, stdin=octets), octets)
        good(connect("-w", "-B", "-n1", "--fragment-size", "1000", peer.url, stdin=octets), octets)
        hexes = b"".join(b"%02x" % i * n + b"\n" for i, n in enumerate([0, 1, 125, 126, 127, 65535,
                                                                         65536]))
        good(connect("--hex", "-n7", peer.url, stdin=hexes), hexes)


for name, options in MODES.items():
    add(f"messages come back, {name}", echoes, options)


@test
def parts():
    """fragments of the server become messages"""
    async def pieces():
        for _ in range(100):
            yield "piece "

    async def handler(ws):
        await ws.send(pieces())
        await ws.send([b"a", b"", b"b"])
        await ws.close()

    for options in MODES.values():
        with Peer(handler, **options) as peer:
            good(connect("--keep-open", peer.url), b"piece " * 100 + b"\nab\n")


@test
def codes():
    """close codes and reasons both ways"""
    for code, reason, wanted in [(1000, "", 0), (1001, "", 0), (1011, "gr\u00fc\u00df", 4),
                                 (3000, "r", 4), (4999, "x" * 123, 4)]:
        async def handler(ws, code=code, reason=reason):
            await ws.close(code, reason)

        with Peer(handler) as peer:
            r = connect("--json", "--keep-open", peer.url)
            equal(r.returncode, wanted, f"exit code for {code}")
            close = json.loads(r.stdout.splitlines()[-1])
            equal((close["event"], close["code"], close["reason"]), ("close", code, reason), "event")
    seen = []

    async def waits(ws):
        try:
            await ws.recv()
        except websockets.exceptions.ConnectionClosed as e:
            seen.append((e.rcvd.code, e.rcvd.reason))

    with Peer(waits) as peer:
        good(connect("--wait", "0", "--close-code", "4321", "--close-reason", "enough", peer.url), b"")
    equal(seen, [(4321, "enough")], "what the server saw")


@test
def handshakes():
    """subprotocols, passwords, header fields, refusals"""
    async def tells(ws):
        h = ws.request_headers
        await ws.send("|".join([ws.subprotocol or "", h.get("X-One", ""), h.get("Cookie", ""),
                                h.get("Origin", ""), h.get("User-Agent", "")]))

    async def process(path, headers):
        if headers.get("Authorization") != "Basic " + base64.b64encode(b"user:pass").decode():
            return http.HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": "Basic"}, b"who are you?\n"
        return None

    with Peer(tells, subprotocols=["two", "three"]) as peer:
        good(connect("-s", "one", "-s", "two", "-H", "X-One: 1", "-b", "c=d", "-o",
                     "https://example.org", "-A", "me", "--keep-open", peer.url),
             b"two|1|c=d|https://example.org|me\n")
        good(connect("-A", "me", "--keep-open", peer.url), b"||||me\n")
    with Peer(echo, process_request=process) as peer:
        good(connect("-u", "user:pass", "-n1", peer.url, stdin=b"x\n"), b"x\n")
        good(connect("-n1", peer.url.replace("//", "//user:pass@"), stdin=b"x\n"), b"x\n")
        r = connect("-u", "user:wrong", peer.url)
        equal(r.returncode, 1, "exit code")
        equal(b"401 Unauthorized" in r.stderr, True, f"a status in {r.stderr}")


@test
def pings():
    """pings are answered, keepalive sees the answers"""
    async def handler(ws):
        for i in range(20):
            await asyncio.wait_for(await ws.ping(f"ping {i}"), 10)
        await asyncio.sleep(0.3)
        await ws.send("alive")
        await ws.close()

    with Peer(handler) as peer:
        good(connect("--keep-open", "--ping-interval", "50ms", "--ping-timeout", "5s", peer.url),
             b"alive\n")


@test
def unix():
    """over a Unix socket"""
    path = os.path.join(FOLDER, "peer")
    with Peer(echo, path=path):
        more = ["-k"] if SCHEME == "wss" else []
        good(connect(*more, "--unix-socket", path, "-n1", f"{SCHEME}://localhost/", stdin=b"x\n"),
             b"x\n")


@test
def returns():
    """connects again to a server that was restarted"""
    async def once(ws):
        await ws.send("hello")
        await ws.close(1012)

    with Peer(once) as peer:
        r = connect("-r", "--reconnect-first", "10ms", "-n5", peer.url)
        good(r, b"hello\n" * 5)


run_tests()
