#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples at work: test_examples.py WEBSOCK NAME=PROGRAM... Each program listens on a URL that
it is given."""
import contextlib
import os
import signal
import subprocess
import sys
import tempfile

from cli_harness import (PATIENCE, Client, Skip, check, connect, flood, get, run_tests, same, test,
                         wait_until)
from connect_harness import FakeServer
from ports import free_port, port_alone

PROGRAMS = dict(a.split("=", 1) for a in sys.argv[2:])
del sys.argv[2:]


def reaches(url):
    try:
        connect(url).close()
        return True
    except OSError:
        return False


@contextlib.contextmanager
def running(name, path="/ws", **options):
    port = free_port()
    url = f"ws://127.0.0.1:{port}{path}"
    arg = str(port) if name == "own_loop" else url
    with subprocess.Popen([PROGRAMS[name], arg], stdout=subprocess.DEVNULL, **options) as p:
        try:
            wait_until(lambda: reaches(url) or p.poll() is not None, f"{name} to listen")
            same(p.poll(), None, f"exit code of {name}")
            yield url.replace("/*", ""), p
        finally:
            if p.poll() is None:
                p.kill()


@test
def echo_server():
    url = "ws://127.0.0.1:8888/ws"
    with port_alone(8888):
        if reaches(url):
            raise Skip("port 8888 is in use")
        with subprocess.Popen([PROGRAMS["echo_server"]]) as p:
            try:
                wait_until(lambda: reaches(url) or p.poll() is not None, "it to listen")
                same(p.poll(), None, "exit code")
                with Client(url) as c:
                    c.send("hello")
                    same(c.message(), "hello", "echo")
            finally:
                p.kill()


@test
def broadcast_server():
    with running("broadcast_server") as (url, _), Client(url) as a:
        with Client(url) as b:
            check(a.message().endswith(" came"), "who comes is announced")
            b.send("hello")
            same((a.message(), b.message()), ("hello", "hello"), "broadcast")
            b.close()
            same(b.close_code(), 1000, "close code")
        check(a.message().endswith(" left"), "who leaves is announced")
        get(url, "/")  # someone who was never announced does not leave
        a.send("x" * 4097)
        same(a.close_code(), 1009, "close code of a large message")
    with running("broadcast_server") as (url, p), Client(url) as a:
        p.send_signal(signal.SIGTERM)
        same(a.close_code(), 1001, "close code at its end")
        check(p.poll() is None, "it waits for the answer")
        a.close(1001)
        same(p.wait(4), 0, "exit code")


@test
def topic_server():
    with running("topic_server", "/*") as (url, _):
        with Client(f"{url}/news") as a, Client(f"{url}/news") as b, Client(f"{url}/other") as c:
            a.send("first")
            same((a.message(), b.message()), ("first", "first"), "same topic")
            c.send("second")
            same(c.message(), "second", "another topic, and nothing before")
            b.send("third")
            same((a.message(), b.message()), ("third", "third"), "same topic")
        status, _, _ = get(url, "/news")
        same(status, 426, "plain request")
        for target in ["/", "/" + "x" * 64]:
            try:
                Client(url, target=target)
                raise AssertionError(f"{target} was let in")
            except AssertionError as e:
                check(" 404 " in str(e), str(e))


@test
def nested_loop():
    with running("nested_loop", stdin=subprocess.PIPE) as (url, p), Client(url) as c:
        p.stdin.write("zwölf\n".encode())
        p.stdin.flush()
        same(c.message(), "zwölf", "a line")
        p.stdin.write(b"no UTF-8: \xff\n\nlast")
        p.stdin.flush()
        same(c.message(), b"no UTF-8: \xff", "a line that is no text")
        same(c.message(), "", "an empty line")
        p.stdin.close()
        same(c.close_code(), 1001, "close code")
        c.close(1001)
        check(c.at_end(), "the connection lives on")
        same(p.wait(PATIENCE), 0, "exit code")


@test
def own_loop():
    with running("own_loop") as (url, p), Client(url) as c:
        for _ in range(20):
            flood(url)
            c.send("hello")
            same(c.message(), "hello", "echo")
        same(get(url, "/")[0], 404, "status for a plain request")
        same(p.poll(), None, "exit code")
        c.close()
        same(c.close_code(), 1000, "close code")
        check(c.at_end(), "the connection lives on")


def client(name, *args):
    """Exit code and output of an example that is a client."""
    p = subprocess.run([PROGRAMS[name], *args], timeout=PATIENCE, capture_output=True,
                       encoding="utf-8", check=False)
    return p.returncode, p.stdout, p.stderr


@test
def client_async():
    with running("topic_server", "/*") as (url, _):
        code, out, _ = client("client_async", f"{url}/news", "hello", "wörld")
        same((code, out.splitlines()[1:]),
             (0, ["hello", "wörld", "closed: 1000 (closed by us, answered by the peer)"]),
             "a conversation")
        code, _, err = client("client_async", f"{url}/", "hello")
        same(code, 1, "exit code of a refusal")
        check("(status 404)" in err, err)
    code, _, err = client("client_async", f"ws://127.0.0.1:{free_port()}/", "hello")
    same(code, 1, "exit code when nobody listens")
    check("attempt 3 in " in err and "attempt 4" not in err, err)


@test
def stream_file():
    with running("own_loop") as (url, _), tempfile.NamedTemporaryFile() as f:
        for size in [0, 65536, 8000000]:
            f.truncate(0)
            f.seek(0)
            f.write(os.urandom(size))
            f.flush()
            p = subprocess.run([PROGRAMS["stream_file"], url, f.name], timeout=PATIENCE,
                               capture_output=True, check=False)
            same((p.returncode, p.stderr), (0, b""), "exit code and errors")
            f.seek(0)
            check(p.stdout == f.read(), f"{len(p.stdout)} of {size} octets came back")
        same(client("stream_file", f"ws://127.0.0.1:{free_port()}/", f.name)[0], 1,
             "exit code when nobody listens")


@test
def stream_file_waits_for_the_answer():
    def greet(peer):
        peer.accept()
        peer.send("hello")
        got, first = 0, 0
        while first & 0x80 == 0:
            first, payload = peer.frame()
            got += len(payload)
        peer.send(str(got))
        same(peer.close_code(), 1000, "close code")
        peer.close()

    with FakeServer(greet) as server, tempfile.NamedTemporaryFile() as f:
        f.truncate(8000000)
        same(client("stream_file", server.url, f.name), (0, "hello8000000", ""), "a greeting first")


@test
def client_blocking():
    with running("topic_server", "/*") as (url, _):
        same(client("client_blocking", f"{url}/news", "hello", "wörld"),
             (0, "hello\nwörld\n", ""), "a conversation")
        code, _, err = client("client_blocking", f"{url}/", "hello")
        same(code, 1, "exit code of a refusal")
        check("(status 404)" in err, err)
    same(client("client_blocking", "http://x/")[2],
         "http://x/: the scheme of the URL is none of ws, wss, ws+unix, wss+unix\n",
         "a wrong URL")


run_tests()
