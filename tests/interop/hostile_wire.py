#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients that mean harm, on raw sockets: what they may not reach, and what they may not hold.
FILE WEBSOCK IO SCHEME"""
import os
import select
import socket
import time
import zlib

from harness import (PATIENCE, SANITIZED, SCHEME, Server, Skip, client_context, equal, missing_backend, note,
                     read_exactly, read_head, read_to_end, run_tests, skip_all, test)

if why := missing_backend():
    skip_all(why)

REQUEST = ("GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")


COMPRESSED = REQUEST.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")


def connected(server, receive_buffer=None, request=REQUEST):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    s.settimeout(20 * PATIENCE)
    s.connect(("127.0.0.1", server.port))
    if SCHEME == "wss":
        s = client_context().wrap_socket(s, server_hostname="localhost")
    s.sendall(request.encode())
    assert read_head(s).startswith("HTTP/1.1 101 ")
    return s


def frame(opcode, payload):
    n = len(payload)
    head = bytes([0x80 | opcode])
    if n < 126:
        head += bytes([0x80 | n])
    else:
        head += b"\xfe" + n.to_bytes(2, "big") if n < 65536 else b"\xff" + n.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


def resident(server):
    """Octets of memory that the server has."""
    if SANITIZED:
        raise Skip("memory is not what it is without")
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))


@test
def what_one_is_sent_never_reaches_another():
    """The first asks for echoes and reads none, until its socket is full and beyond; the second
    gets its own in between."""
    server = Server("--no-compression", "--ping-interval", "never")
    deaf, other = connected(server, 4096), connected(server)
    secret = b"\x82\x21" + b"of-another!" * 3
    for _ in range(400):
        for payload in (b"A" * 12000, b"A" * 30):
            if select.select([], [deaf], [], 0)[1]:
                deaf.sendall(frame(2, payload))
            time.sleep(0.001)
        other.sendall(frame(2, secret[2:]))
        equal(read_exactly(other, len(secret)), secret, "the answer to the one that reads")
    deaf.settimeout(2 * PATIENCE)
    got = b""
    try:
        while piece := deaf.recv(65536):
            got += piece
    except TimeoutError:
        pass
    note(f"{len(got)} octets for the one that did not read")
    assert len(got) > 100000, len(got)
    assert b"of-another" not in got, "octets of another connection"
    # And every frame is whole.
    at = 0
    while at < len(got):
        n = got[at + 1]
        head = 2
        if n == 126:
            n, head = int.from_bytes(got[at + 2:at + 4], "big"), 4
        equal(got[at], 0x82, f"the first octet of a frame at {at}")
        equal(got[at + head:at + head + n].strip(b"A"), b"", "a payload")
        at += head + n
    deaf.close()
    other.close()
    server.stop()


@test
def an_answer_is_owed_though_the_end_came_with_the_frame():
    """An answer is owed though the end of input came with the frame"""
    server = Server("--no-compression")
    for frames, answer in ((frame(8, b"\x03\xe8"), b"\x88\x02\x03\xe8"),
                           (b"\x83", b"\x88\x21\x03\xea")):
        s = connected(server)
        s.sendall(frames)
        if SCHEME == "wss":
            # close_notify, without waiting for the other side's.
            s.setblocking(False)
            try:
                s.unwrap()
            except OSError:
                pass
            break
        s.shutdown(socket.SHUT_WR)
        got = read_to_end(s)
        assert got.startswith(answer), got
    server.stop()


@test
def more_than_one_write_takes():
    """What one write does not take follows at once, though nothing else happens"""
    server = Server("--no-compression", "--ping-interval", "never")
    s = connected(server)
    payload = bytes(range(256)) * 4000
    for n in (65000, 200000, 1000000):
        data = payload[:n]
        length = b"\xfe" + n.to_bytes(2, "big") if n < 65536 else b"\xff" + n.to_bytes(8, "big")
        s.sendall(b"\x82" + length + b"\0\0\0\0" + data)
        began = time.monotonic()
        read_exactly(s, 4 if n < 65536 else 10)
        assert read_exactly(s, n) == data, "it came back changed"
        took = time.monotonic() - began
        assert took < 4 * PATIENCE, f"{n} octets took {took:.1f} s"
    s.close()
    server.stop()


@test
def a_limit_by_address_does_not_lift_the_one_on_all():
    """A limit by address does not lift the one on all"""
    server = Server("--max-connections", "50", "--max-connections-per-address", "5",
                    "--workers", "1")
    crowd = []
    for _ in range(400):
        s = socket.socket()
        s.connect(("127.0.0.1", server.port))
        crowd.append(s)
    deadline = time.monotonic() + 5 * PATIENCE
    held = len(crowd)
    while held > 130 and time.monotonic() < deadline:
        time.sleep(0.2)
        held = 0
        for s in crowd:
            ready = select.select([s], [], [], 0)[0]
            held += not ready
    note(f"{held} of 400 are held")
    assert held <= 130, held
    for s in crowd:
        s.close()
    server.stop()


@test
def what_is_queued_compressed_is_held_compressed():
    """What is queued compressed for one that does not read is not held as it was before"""
    server = Server("--broadcast", "--workers", "1")
    sender = connected(server, request=COMPRESSED)
    deaf = connected(server, 4096, COMPRESSED)
    # 4 MiB, which shrink to a thirtieth.
    message = b"".join(os.urandom(128) + bytes(3968) for _ in range(1024))
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = (packer.compress(message) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    began = resident(server)
    sent = 0
    # Beyond what the kernel takes, until some of these wait in the queue.
    for _ in range(60):
        sender.sendall(frame(0x42, packed))
        head = read_exactly(sender, 10)
        equal(head[:2], b"\xc2\x7f", "the head of the broadcast")
        sent += len(read_exactly(sender, int.from_bytes(head[2:], "big")))
    grown = resident(server) - began
    note(f"{sent} octets, the server grew by {grown}")
    assert grown < 64 << 20, f"the server grew by {grown} octets"
    deaf.close()
    sender.close()
    server.stop()


@test
def small_ones_between_shared_ones_hold_no_pages():
    """Small messages between those that all share take no more than they count"""
    server = Server("--broadcast", "--no-compression", "--workers", "1", "--max-queued", "2M")
    sender = connected(server)
    deaf = [connected(server, 4096) for _ in range(4)]
    blob = (frame(2, os.urandom(200)) + frame(2, b"x")) * 500
    began = resident(server)
    for _ in range(80):
        sender.sendall(blob)
        read_exactly(sender, 500 * (204 + 3))
    grown = resident(server) - began
    note(f"the server grew by {grown} octets")
    assert grown < 32 << 20, f"the server grew by {grown} octets"
    for s in (*deaf, sender):
        s.close()
    server.stop()


run_tests()
