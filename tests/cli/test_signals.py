#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How websock serve ends, and how it reads certificates again."""
import shutil
import signal
import ssl
import tempfile
import time

from cli_harness import (PATIENCE, Client, Server, check, connect, make_certificate, run_tests, same,
                     test, wait_until)


@test
def drain_closes_everyone_with_1001():
    for number in [signal.SIGTERM, signal.SIGINT]:
        for workers in ["1", "3"]:
            with Server("--workers", workers) as server:
                clients = [Client(server.urls[0]) for _ in range(10)]
                server.signal(number)
                for c in clients:
                    same(c.close_code(), 1001, "close code")
                    c.close(1001)
                    check(c.at_end(), "the server did not end the connection")
                    c.socket.close()
                same(server.wait(), 0, "exit code")
                server.wait_log("end opened=10 refused=0 dropped=0")


@test
def drain_waits_for_those_who_take_their_time():
    with Server("--drain", "20s", "--close-timeout", "20s") as server:
        with Client(server.urls[0]) as c:
            server.signal(signal.SIGTERM)
            same(c.close_code(), 1001, "close code")
            time.sleep(0.3)
            same(server.process.poll(), None, "ended while a client was still closing")
            c.close(1001)
            check(c.at_end(), "the server did not end the connection")
        same(server.wait(), 0, "exit code")


@test
def nobody_gets_in_while_it_drains():
    with Server("--close-timeout", "20s", "--drain", "20s") as server:
        with Client(server.urls[0]) as c:
            server.signal(signal.SIGTERM)
            same(c.close_code(), 1001, "close code")

            def refused():
                try:
                    connect(server.urls[0]).close()
                    return False
                except ConnectionRefusedError:
                    return True

            wait_until(refused, "new connections to be refused")
            c.close(1001)
        same(server.wait(), 0, "exit code")


@test
def deadline_of_the_drain():
    with Server("--drain", "200ms", "--close-timeout", "20s") as server:
        with Client(server.urls[0]) as c:
            server.signal(signal.SIGTERM)
            same(c.close_code(), 1001, "close code")
            same(server.wait(), 3, "exit code")
            check(c.at_end(), "the connection lives on")
        server.wait_log("dropped=1")


@test
def close_timeout_does_not_outrun_the_drain():
    # As long as each other, as by default: who does not answer was not closed in time.
    for workers in ["1", "2"]:
        with Server("--drain", "300ms", "--close-timeout", "300ms", "--workers",
                    workers) as server:
            with Client(server.urls[0]) as c:
                server.signal(signal.SIGTERM)
                same(c.close_code(), 1001, "close code")
                same(server.wait(), 3, "exit code")


@test
def who_was_silent_for_long_may_answer():
    # Longer than close_timeout, which counts from the close frame all the same.
    with Server("--drain", "60s", "--close-timeout", "3s") as server:
        with Client(server.urls[0]) as c:
            time.sleep(3.5)
            server.signal(signal.SIGTERM)
            same(c.close_code(), 1001, "close code")
            c.close(1001)
            check(c.at_end(), "the server did not end the connection")
        server.wait_log("code=1001 clean=yes")
        same(server.wait(), 0, "exit code")


@test
def no_time_to_drain():
    for clients, code in [(0, 0), (1, 3)]:
        with Server("--drain", "0", "--workers", "2") as server:
            connected = [Client(server.urls[0]) for _ in range(clients)]
            server.signal(signal.SIGTERM)
            same(server.wait(), code, f"exit code with {clients} connected")
            for c in connected:
                c.socket.close()


@test
def a_second_signal_ends_at_once():
    with Server("--drain", "1h", "--close-timeout", "1h") as server:
        with Client(server.urls[0]) as c:
            server.signal(signal.SIGTERM)
            same(c.close_code(), 1001, "close code")
            began = time.monotonic()
            server.signal(signal.SIGINT)
            same(server.wait(), 3, "exit code")
            check(time.monotonic() - began < PATIENCE / 2, "it took its time")


@test
def nobody_connected_ends_at_once():
    with Server("--drain", "1h", "--workers", "2") as server:
        same(server.stop(), 0, "exit code")


def certificate_of(url):
    with connect(url) as s:
        return s.getpeercert(True)


@test
def hangup_reads_certificates_again():
    with tempfile.TemporaryDirectory() as folder:
        key, cert, first = make_certificate(folder, "used")
        other_key, other_cert, second = make_certificate(folder, "other")
        with Server("--tls-cert", cert, "--tls-key", key, urls=("wss://127.0.0.1:0/ws",)) as server:
            url = server.urls[0]
            same(certificate_of(url), first, "certificate")
            with Client(url) as c:
                # A file that is no certificate: the old one goes on, and the log says so.
                with open(cert, "w", encoding="ascii") as f:
                    f.write("nonsense\n")
                server.signal(signal.SIGHUP)
                line = server.wait_log("SIGHUP")
                check(" error " in line and cert in line and "stay in use" in line, line)
                same(certificate_of(url), first, "certificate after a bad one")
                shutil.copy(other_key, key)
                shutil.copy(other_cert, cert)
                server.signal(signal.SIGHUP)
                server.wait_log("info .*SIGHUP: certificates were read again")
                same(certificate_of(url), second, "certificate")
                c.send("still here")
                same(c.message(), "still here", "echo on a connection with the old certificate")
                c.close()
            same(server.stop(), 0, "exit code")


@test
def hangup_without_certificates_does_nothing():
    with Server() as server, Client(server.urls[0]) as c:
        server.signal(signal.SIGHUP)
        server.wait_log("warn .*no certificates")
        c.send("hello")
        same(c.message(), "hello", "echo")
        c.close()
        same(server.stop(), 0, "exit code")


@test
def clients_with_and_without_certificates():
    with tempfile.TemporaryDirectory() as folder:
        key, cert, _ = make_certificate(folder, "server")
        client_key, client_cert, _ = make_certificate(folder, "client", "someone")
        with Server("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", client_cert,
                    "--tls-verify-client", urls=("wss://127.0.0.1:0/ws",)) as server:
            refused = False
            try:
                # With TLS 1.3 the client only learns of it when it reads.
                Client(server.urls[0])
            except (ssl.SSLError, AssertionError, OSError):
                refused = True
            check(refused, "a client without a certificate got in")
            server.wait_log("refuse .*status=0")
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.load_cert_chain(client_cert, client_key)
            with connect(server.urls[0].replace("wss", "ws", 1)) as plain:
                with context.wrap_socket(plain) as s:
                    s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    check(s.recv(12).startswith(b"HTTP/1.1 200"), "its request failed")
            same(server.stop(), 0, "exit code")


run_tests()
