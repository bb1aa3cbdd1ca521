#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Octets on the wire, sent and compared one by one through a raw socket. FILE WEBSOCK IO SCHEME"""
import socket
import struct
import time

from harness import (IO, SCHEME, Server, Skip, dial, equal, missing_backend, note, read_exactly,
                     read_head, read_to_end, run_tests, skip_all, test)

if why := missing_backend():
    skip_all(why)

REQUEST = ("GET /ws HTTP/1.1\r\nUser-Agent: scene\r\nHost: 127.0.0.1:%d\r\nUpgrade: WebSocket\r\n"
           "Connection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
           "Sec-WebSocket-Key: BB5Z4N8uKPM8aQtEGSqawg==\r\nSec-WebSocket-Version: 13\r\n\r\n")
ACCEPT = "5abRg2HbiVCB3wiC2Ym1lcIKNN0="

# A Greek word, an octet in each frame, so that frames end within characters; an empty last frame.
FRAMES = """
    0181fa6f515534 008117328974ad 0081b8f4565b59 00811b01aa2ba6 00810e688bc7b7 0081f5139e143a
    00813b1c3e32b8 0081f6849c2338 0081143c6dd7a8 008184e3f1a34a 0081ac58e89919 80807e7501ab
    """.split()
ECHO = "810bcebae1bdb9cf83cebcceb5"
CLOSE = "888231329ffe32da"
CLOSE_ANSWER = "880203e8"


def opened(server):
    s = dial(server)
    s.sendall((REQUEST % server.port).encode())
    head = read_head(s)
    assert head.startswith("HTTP/1.1 101 Switching Protocols\r\n"), head
    assert f"\r\nsec-websocket-accept: {ACCEPT.lower()}\r\n" in head.lower() and ACCEPT in head, head
    return s


def play(s, pieces, pause=0.0):
    for octets in pieces:
        s.sendall(bytes.fromhex(octets))
        if pause:
            time.sleep(pause)
    equal(read_exactly(s, len(ECHO) // 2).hex(), ECHO, "the echo")
    s.sendall(bytes.fromhex(CLOSE))
    # The close frame, and behind it the end: the server is the one that ends TCP.
    equal(read_to_end(s).hex(), CLOSE_ANSWER, "what follows the close frame")


SERVER = Server("--no-compression")


@test
def the_scene():
    """A word in eleven fragments of an octet, the echo, close 1000; then the server drops TCP"""
    with opened(SERVER) as s:
        play(s, FRAMES)
    with opened(SERVER) as s:
        play(s, FRAMES, 0.005)


@test
def any_pieces():
    """The same octets in pieces of 1, 2, 3, 7 and all at once"""
    whole = "".join(FRAMES)
    for n in (1, 2, 3, 7, 1000):
        with opened(SERVER) as s:
            play(s, [whole[i:i + 2 * n] for i in range(0, len(whole), 2 * n)])


@test
def in_one_go():
    """Request, frames and close frame in one write"""
    with dial(SERVER) as s:
        s.sendall((REQUEST % SERVER.port).encode() + bytes.fromhex("".join(FRAMES) + CLOSE))
        head = read_head(s)
        assert ACCEPT in head, head
        equal(read_to_end(s).hex(), ECHO + CLOSE_ANSWER, "what follows")


@test
def half_closed():
    """A client that ends its sending direction behind the close frame gets the answer all the same"""
    if SCHEME == "wss":
        raise Skip("Python cannot end one direction of TLS alone")
    with dial(SERVER) as s:
        s.sendall((REQUEST % SERVER.port).encode() + bytes.fromhex("".join(FRAMES) + CLOSE))
        s.shutdown(socket.SHUT_WR)
        head = read_head(s)
        assert ACCEPT in head, head
        equal(read_to_end(s).hex(), ECHO + CLOSE_ANSWER, "what follows")


@test
def after_the_close():
    """Data behind the close frame is not looked at"""
    with opened(SERVER) as s:
        s.sendall(bytes.fromhex(CLOSE + FRAMES[0] + "ff" * 50))
        equal(read_to_end(s).hex(), CLOSE_ANSWER, "what follows")


@test
def reset():
    """Resets at any point do no harm"""
    script = (REQUEST % SERVER.port).encode() + bytes.fromhex("".join(FRAMES) + CLOSE)
    for cut in range(0, len(script), 7):
        s = dial(SERVER)
        s.sendall(script[:cut])
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    with opened(SERVER) as s:
        play(s, FRAMES)


@test
def ends():
    """The server ends in order"""
    SERVER.stop()


note(f"{IO}, {SCHEME}")
run_tests()
