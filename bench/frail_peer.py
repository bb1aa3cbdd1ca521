# SPDX-License-Identifier: MIT
"""A peer for test_verdicts.py that needs nothing but Python: frail_peer.py serve PORT, or
frail_peer.py visit PORT AGENT.

It does what category 16 asks for, but for this: as a server its process aborts at the end of the
message "middle", which is 16.6.4; as a client it takes a pong that is masked, which fails 16.2.11,
and aborts at data that are masked with a key of zeros, which is 16.2.16.
"""
import asyncio
import base64
import hashlib
import os
import struct
import sys

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SERVES = sys.argv[1] == "serve"
FATAL = b"middle"


def masked(data, key):
    whole = (key * (len(data) // 4 + 1))[:len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(len(data), "big")


def frame(opcode, data=b""):
    n, bit = len(data), 0 if SERVES else 0x80
    if n < 126:
        head = struct.pack(">BB", 0x80 | opcode, bit | n)
    elif n < 65536:
        head = struct.pack(">BBH", 0x80 | opcode, bit | 126, n)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, bit | 127, n)
    if SERVES:
        return head + data
    key = os.urandom(4)
    return head + key + (masked(data, key) if data else b"")


async def next_frame(reader):
    """First octet, data, and the key, None where there is none."""
    first, n = await reader.readexactly(2)
    n, has_key = n & 0x7F, n & 0x80
    if n == 126:
        n, = struct.unpack(">H", await reader.readexactly(2))
    elif n == 127:
        n, = struct.unpack(">Q", await reader.readexactly(8))
    key = await reader.readexactly(4) if has_key else None
    data = await reader.readexactly(n)
    return first, masked(data, key) if key and data else data, key


def is_wrong(first, data, key):
    """Whether the mask is, which is what this is all about."""
    if SERVES:
        return key is None
    if key == bytes(4) and data:
        os.abort()
    return key is not None and first & 15 != PONG


async def converse(reader, writer, echo):
    """Until the connection ends; the last message that came."""
    message, kind = b"", TEXT
    while True:
        first, data, key = await next_frame(reader)
        opcode = first & 15
        if is_wrong(first, data, key):
            writer.write(frame(CLOSE, b"\x03\xea"))
            return message
        if opcode == CLOSE:
            writer.write(frame(CLOSE, data))
            return message
        if opcode == PING:
            writer.write(frame(PONG, data))
        elif opcode != PONG:
            kind, message = (kind, message + data) if opcode == CONT else (opcode, data)
            if SERVES and first & 0x80 and message == FATAL:
                os.abort()
            if first & 0x80 and echo:
                writer.write(frame(kind, message))
        await writer.drain()


async def serve(port):
    async def meet(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            key = next(line.split(b":")[1].strip() for line in head.split(b"\r\n")
                       if line.lower().startswith(b"sec-websocket-key:"))
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         b"Connection: Upgrade\r\nSec-WebSocket-Accept: " +
                         base64.b64encode(hashlib.sha1(key + GUID).digest()) + b"\r\n\r\n")
            await converse(reader, writer, True)
        except (OSError, EOFError, StopIteration):
            pass
        writer.close()

    async with await asyncio.start_server(meet, "127.0.0.1", port) as server:
        await server.serve_forever()


async def visit(port, path, echo=False):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    message = b""
    try:
        writer.write(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                     b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     b"Sec-WebSocket-Key: %s\r\n\r\n" % (
                         path.encode(), port, base64.b64encode(os.urandom(16))))
        await reader.readuntil(b"\r\n\r\n")
        message = await converse(reader, writer, echo)
        await reader.read()
    except (OSError, EOFError):
        pass
    writer.close()
    return message


async def visit_all(port, agent):
    for n in range(1, int(await visit(port, "/getCaseCount")) + 1):
        await visit(port, f"/runCase?case={n}&agent={agent}", echo=True)
    await visit(port, f"/updateReports?agent={agent}")


asyncio.run(serve(int(sys.argv[2])) if SERVES else visit_all(int(sys.argv[2]), sys.argv[3]))
