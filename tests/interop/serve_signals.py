#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What signals do to "websock serve" while clients are connected. FILE WEBSOCK IO SCHEME"""
import os
import signal
import socket
import ssl
import subprocess
import time

from harness import (IO, PATIENCE, SCHEME, Server, Skip, add, certificate, dial, equal,
                     missing_backend, note, read_exactly, read_head, read_to_end, run_tests,
                     skip_all, test)

if why := missing_backend():
    skip_all(why)

REQUEST = (b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
ANSWER = bytes.fromhex("88820000000003e9")
HELLO = bytes.fromhex("81850000000068656c6c6f")


def opened(server):
    s = dial(server)
    s.sendall(REQUEST)
    head = read_head(s)
    assert head.startswith("HTTP/1.1 101 "), head
    return s


def echo(s):
    s.sendall(HELLO)
    equal(read_exactly(s, 7), b"\x81\x05hello", "the echo")


def gone_away(s):
    """Reads a close frame with 1001."""
    head = read_exactly(s, 4)
    assert head[0] == 0x88 and 2 <= head[1] <= 125 and head[2:] == b"\x03\xe9", head.hex()
    read_exactly(s, head[1] - 2).decode()


def drained(number):
    server = Server("--drain", "60s")
    clients = [opened(server) for _ in range(20)]
    for s in clients:
        echo(s)
    half = dial(server)  # a request that never ends
    half.sendall(REQUEST[:40])
    time.sleep(0.05)
    server.signal(number)
    for s in clients:
        gone_away(s)
    try:
        # Until the last one is gone it does not accept any more.
        socket.create_connection(("127.0.0.1", server.port), 1).close()
        raise AssertionError("it still accepts connections")
    except ConnectionRefusedError:
        pass
    for s in clients:
        s.sendall(ANSWER)
        equal(read_to_end(s), b"", "what follows the answer")
        s.close()
    half.close()
    began = time.monotonic()
    equal(server.wait(), 0, "the exit code")
    assert time.monotonic() - began < 10 * PATIENCE, "it did not end when all were gone"


add("SIGTERM drains: 1001 to everyone, no new ones, exit code 0", drained, signal.SIGTERM)
add("SIGINT does the same", drained, signal.SIGINT)


@test
def no_clients():
    """Without clients it ends at once"""
    server = Server("--drain", "60s")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 10 * PATIENCE


@test
def drain_is_over():
    """Who does not answer is dropped when the time of --drain is over: exit code 3"""
    server = Server("--drain", "300ms", "--close-timeout", "60s")
    with opened(server) as s:
        began = time.monotonic()
        server.signal()
        equal(server.wait(), 3, "the exit code")
        took = time.monotonic() - began
        assert 0.25 < took < 10 * PATIENCE, f"it took {took:.2f} s"
        gone_away(s)


@test
def second_signal():
    """A second signal ends it at once"""
    server = Server("--drain", "60s", "--close-timeout", "60s")
    with opened(server) as s:
        server.signal()
        gone_away(s)
        began = time.monotonic()
        server.signal()
        equal(server.wait(), 3, "the exit code")
        assert time.monotonic() - began < 10 * PATIENCE


@test
def hangup():
    """SIGHUP reads the certificate again and drops nobody"""
    server = Server()
    with opened(server) as s:
        echo(s)
        if SCHEME == "wss":
            renewed(server)
        else:
            server.signal(signal.SIGHUP)
            time.sleep(0.1)
        echo(s)
    with opened(server) as s:
        echo(s)
    server.stop()


def renewed(server):
    cert, key = certificate()
    before = ssl.get_server_certificate(("127.0.0.1", server.port))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=renewed", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    equal(ssl.get_server_certificate(("127.0.0.1", server.port)), before, "before the signal")
    server.signal(signal.SIGHUP)
    with open(cert, encoding="ascii") as f:
        wanted = f.read().strip()
    deadline = time.monotonic() + 5 * PATIENCE
    while ssl.get_server_certificate(("127.0.0.1", server.port)).strip() != wanted:
        assert time.monotonic() < deadline, "the certificate is still the old one"
        time.sleep(0.02)
    # A broken file: the one in use stays.
    with open(cert, "w", encoding="ascii") as f:
        f.write("no certificate\n")
    server.signal(signal.SIGHUP)
    time.sleep(0.1)
    equal(ssl.get_server_certificate(("127.0.0.1", server.port)).strip(), wanted, "after a bad one")
    with open(cert, "w", encoding="ascii") as f:
        f.write(wanted + "\n")


@test
def broken_pipe():
    """A standard error output that nobody reads any more does not end it"""
    if SCHEME == "wss":
        raise Skip("that has nothing to do with TLS")
    reader, writer = os.pipe()
    shell = f'exec "$@" 2>/proc/{os.getpid()}/fd/{writer}'
    server = Server(command=("sh", "-c", shell, "sh"))
    os.close(writer)
    os.close(reader)
    with opened(server) as s:
        echo(s)
    server.stop()


note(f"{IO}, {SCHEME}")
run_tests()
