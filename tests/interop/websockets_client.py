#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The client of Python's websockets against "websock serve". FILE WEBSOCK IO SCHEME"""
import asyncio
import os
import random
import sys

from harness import (FOLDER, IO, SCHEME, Server, add, client_context, equal, missing_backend, note,
                     run_tests, skip_all, test)

try:
    import websockets
    from websockets.exceptions import (ConnectionClosed, InvalidStatusCode, NegotiationError)
    from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Deflate
except ImportError as e:
    skip_all(f"Python's websockets is not installed: {e}")
if why := missing_backend():
    skip_all(why)

RANDOM = random.Random(1)
TEXTS = [
    "plain", "Ærøskøbing Dvořák", "e\u0301 Z\u0351\u036b\u0343", "κόσμε Ἀχιλλεύς", "Съешь ещё", "שָׁלוֹם",
    "السَّلَامُ", "नमस्ते क्षत्रिय", "தமிழ்", "ภาษาไทย", "བོད་ཡིག", "မြန်မာ", "ქართული", "አማርኛ", "ᏣᎳᎩ", "ᠮᠣᠩᠭᠣᠯ",
    "한국어 \u1112\u1161\u11ab", "ひらがな カタカナ", "漢字 𠮷野家", "𐌲𐌿𐍄𐌹𐍃𐌺", "𒀭𒂗𒆤", "𓀀𓂀", "𝔘𝔫𝔦", "👩‍👩‍👧‍👦 🏳️‍🌈",
    "\0\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff",
]
PROSE = " ".join(RANDOM.choice(("frame", "mask", "octet", "window", "stream")) + str(i % 97)
                 for i in range(40000))


def connect(server, deflate=None, **more):
    if SCHEME == "wss":
        more["ssl"] = client_context()
    more.setdefault("max_size", None)
    return websockets.connect(server.url, compression=None, ping_interval=None,
                              extensions=[deflate] if deflate else None, **more)


async def echo(ws, message):
    await ws.send(message)
    equal(await ws.recv(), message, "the echo")


# ------------------------------------------------------------------- with and without compression

MODES = {
    "plain": (("--no-compression",), None),
    "compressed": (("--compression-threshold", "1"), Deflate()),
}


async def messages(args, deflate):
    server = Server(*args)
    async with connect(server, deflate) as ws:
        equal(len(ws.extensions), 1 if deflate else 0, "extensions in use")
        for text in [*TEXTS, "".join(TEXTS), ""]:
            await echo(ws, text)
        for n in [*range(140), 65535, 65536, 65537, *range(1000, 70000, 4567)]:
            await echo(ws, RANDOM.randbytes(n))
        # Many under way at a time, in their order.
        many = [PROSE[i:i + i % 700] for i in range(1000)]
        sending = asyncio.gather(*(ws.send(m) for m in many))
        equal([await ws.recv() for _ in many], many, "the echoes")
        await sending
    await server.astop()


async def large(args, deflate):
    server = Server(*args)
    async with connect(server, deflate) as ws:
        await echo(ws, RANDOM.randbytes(16 << 20))
        await echo(ws, (PROSE * 90)[:16 << 20])
    await server.astop()


async def fragments(args, deflate):
    server = Server(*args)
    text = "".join(TEXTS)
    async with connect(server, deflate) as ws:
        for size in (1, 2, 50):
            await ws.send([text[i:i + size] for i in range(0, len(text), size)])
            equal(await ws.recv(), text, f"fragments of {size}")
        data = RANDOM.randbytes(300000)
        await ws.send([data[i:i + 70001] for i in range(0, len(data), 70001)])
        equal(await ws.recv(), data, "binary fragments")
        await ws.send(["", "", ""])
        equal(await ws.recv(), "", "empty fragments")
    await server.astop()


async def fragmenting_server(args, deflate):
    server = Server(*args, "--fragment-size", "100")
    async with connect(server, deflate) as ws:
        for message in ["".join(TEXTS), PROSE[:100], PROSE[:101], PROSE, RANDOM.randbytes(5000), ""]:
            await echo(ws, message)
    await server.astop()


async def pings(args, deflate):
    server = Server(*args)
    async with connect(server, deflate) as ws:
        for n in (0, 1, 4, 125):
            # The pong is found by its payload.
            await asyncio.wait_for(await ws.ping(RANDOM.randbytes(n)), 5)
        await ws.pong(b"nobody asked")
        await echo(ws, "still there")
    await server.astop()


async def keepalive(args, deflate):
    """Both sides ping an idle connection, and neither drops it."""
    server = Server(*args, "--ping-interval", "100ms", "--ping-timeout", "2s")
    more = {"ssl": client_context()} if SCHEME == "wss" else {}
    async with websockets.connect(server.url, compression=None, ping_interval=0.05, ping_timeout=2,
                                  extensions=[deflate] if deflate else None, **more) as ws:
        await asyncio.sleep(0.7)
        await echo(ws, "still there")
    await server.astop()


async def closes(args, deflate):
    server = Server(*args)
    codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
    for code in codes:
        for reason in ("", "because", "κ" * 61):
            ws = await connect(server, deflate)
            await ws.close(code, reason)
            equal(ws.close_code, code, "the answer to the close code")
    await server.astop()


async def closes_by_server(args, deflate):
    server = Server(*args, "--idle-timeout", "1s")
    ws = await connect(server, deflate)
    await echo(ws, "once")
    await closed_with(ws, 1001)
    await server.astop()
    server = Server(*args, "--max-message", "100")
    ws = await connect(server, deflate)
    await echo(ws, "x" * 100)
    await ws.send("x" * 101)
    await closed_with(ws, 1009)
    await server.astop()
    server = Server(*args, "--message-timeout", "200ms")
    ws = await connect(server, deflate)

    async def slow():
        yield "a"
        await asyncio.sleep(3)
        yield "b"

    sending = asyncio.ensure_future(ws.send(slow()))
    await closed_with(ws, 1008)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await server.astop()


async def closed_with(ws, code):
    try:
        got = await asyncio.wait_for(ws.recv(), 5)
        raise AssertionError(f"a message instead of the close: {got!r}")
    except ConnectionClosed as e:
        equal(e.rcvd and e.rcvd.code, code, "the close code of the server")
    await ws.wait_closed()


async def silent_client(args, deflate):
    """A client that does not answer the close frame is dropped after --close-timeout, and the
    drain ends with that."""
    server = Server(*args, "--close-timeout", "300ms", "--idle-timeout", "1s")
    ws = await connect(server, deflate, close_timeout=1)
    await echo(ws, "once")
    ws.transport.pause_reading()
    loop = asyncio.get_running_loop()
    began = loop.time()
    while " close " not in server.log and loop.time() - began < 20:
        await asyncio.sleep(0.02)
    took = loop.time() - began
    ws.transport.resume_reading()
    assert 0.2 < took < 20, f"it was dropped after {took:.2f} s: {server.log}"
    await ws.wait_closed()
    await server.astop()


async def unix_socket(args, deflate):
    path = os.path.join(FOLDER, f"{'deflate' if deflate else 'plain'}.sock")
    url = f"{SCHEME}+unix:{path}:/ws"
    server = Server(*args, scheme=SCHEME, urls=[url])
    more = {"ssl": client_context(), "server_hostname": "localhost"} if SCHEME == "wss" else {}
    for _ in range(2):
        async with websockets.unix_connect(path, f"{SCHEME}://localhost/ws", compression=None,
                                           extensions=[deflate] if deflate else None, **more) as ws:
            for text in TEXTS:
                await echo(ws, text)
            await echo(ws, RANDOM.randbytes(100000))
    await server.astop()
    assert not os.path.exists(path), "the socket stayed in the file system"


async def many(args, deflate):
    server = Server(*args)
    limit = asyncio.Semaphore(50)

    async def dial():
        async with limit:
            return await connect(server, deflate)

    all_ws = await asyncio.gather(*(dial() for _ in range(200)))
    await asyncio.gather(*(echo(ws, f"{i} {PROSE[i:i + 500]}") for i, ws in enumerate(all_ws)))
    server.signal()
    await asyncio.gather(*(closed_with(ws, 1001) for ws in all_ws))
    equal(await asyncio.get_running_loop().run_in_executor(None, server.wait), 0, "exit code")


async def broadcast(args, deflate):
    server = Server(*args, "--broadcast")
    all_ws = [await connect(server, deflate if i % 2 else None) for i in range(20)]
    sent = [*TEXTS, RANDOM.randbytes(70000), PROSE]
    for message in sent:
        await all_ws[3].send(message)
    for ws in all_ws:
        equal([await ws.recv() for _ in sent], sent, "what a client received")
        await ws.close()
    await server.astop()


for mode, (mode_args, mode_deflate) in MODES.items():
    add(f"{mode}: text, binary, and 1,000 at a time", messages, mode_args, mode_deflate)
    add(f"{mode}: messages of 16 MiB", large, mode_args, mode_deflate)
    add(f"{mode}: fragmented messages", fragments, mode_args, mode_deflate)
    add(f"{mode}: a server that sends fragments of 100 octets", fragmenting_server, mode_args, mode_deflate)
    add(f"{mode}: pings and pongs", pings, mode_args, mode_deflate)
    add(f"{mode}: keepalive pings from both sides", keepalive, mode_args, mode_deflate)
    add(f"{mode}: every close code", closes, mode_args, mode_deflate)
    add(f"{mode}: close codes of the server: 1001, 1008, 1009", closes_by_server, mode_args, mode_deflate)
    add(f"{mode}: a client that does not answer the close frame", silent_client, mode_args, mode_deflate)
    add(f"{mode}: a Unix socket", unix_socket, mode_args, mode_deflate)
    add(f"{mode}: 200 connections, closed by SIGTERM", many, mode_args, mode_deflate)
    add(f"{mode}: broadcast", broadcast, mode_args, mode_deflate)

# ------------------------------------------------------------------------------------- handshake


@test
async def subprotocols():
    """Subprotocols: the first of the server's that the client offers"""
    server = Server("--subprotocol", "v2", "--subprotocol", "v1")
    for offered, wanted in ((["v1", "v2"], "v2"), (["x", "v1"], "v1"), (["x"], None), (None, None)):
        async with connect(server, subprotocols=offered) as ws:
            equal(ws.subprotocol, wanted, f"of {offered}")
    await server.astop()


@test
async def refusals():
    """Refused: another origin (403), another path (404), a long header (431), a full house (503)"""
    server = Server()
    good = server.url
    trials = (
        (403, {"origin": "https://attacker.example"}, good), (404, {}, good + "/more"),
        (431, {"extra_headers": {"X-Long": "x" * 9000}}, good))
    for status, options, server.url in trials:
        equal(await refused(server, **options), status, "status")
    server.url = good
    await server.astop()
    server = Server("--max-connections", "1")
    async with connect(server) as ws:
        await echo(ws, "the only one")
        equal(await refused(server), 503, "status")
    await server.astop()


async def refused(server, **options):
    try:
        async with connect(server, **options):
            return None
    except InvalidStatusCode as e:
        return e.status_code


# ------------------------------------------------------------------------ compression parameters


async def parameters(deflate, args, wanted):
    server = Server("--compression-threshold", "1", *args)
    try:
        ws = await connect(server, deflate)
    except NegotiationError as e:
        raise AssertionError(f"the client does not take the answer: {e}") from e
    got = ws.extensions[0] if ws.extensions else None
    for name, value in wanted.items():
        equal(getattr(got, name), value, name)
    # The client inflates with the window that was agreed on.
    for n in (10, 300, 600, 5000, 40000, 200000):
        for _ in range(2):
            await echo(ws, PROSE[n // 3:n // 3 + n])
    await ws.close()
    await server.astop()


async def window_bits():
    for bits in range(9, 16):
        await parameters(Deflate(server_max_window_bits=bits), (), {"remote_max_window_bits": bits})
        await parameters(Deflate(client_max_window_bits=True), ("--client-window-bits", f"{bits}"),
                         {"local_max_window_bits": bits})
        await parameters(Deflate(client_max_window_bits=bits), (), {})
    # An honest answer to 8 may be to do without.
    await parameters(Deflate(server_max_window_bits=8), (), {})


async def takeover():
    for own in (False, True):
        for others in (False, True):
            await parameters(
                Deflate(server_no_context_takeover=own, client_no_context_takeover=others), (),
                {"remote_no_context_takeover": own, **(
                    {"local_no_context_takeover": True} if others else {})})
    await parameters(Deflate(), ("--server-no-context-takeover", "--client-no-context-takeover"),
                     {"remote_no_context_takeover": True, "local_no_context_takeover": True})


if SCHEME == "ws":
    add("compression: window bits", window_bits)
    add("compression: no context takeover", takeover)

note(f"websockets {websockets.version.version}, Python {sys.version.split()[0]}, {IO}, {SCHEME}")
run_tests()
