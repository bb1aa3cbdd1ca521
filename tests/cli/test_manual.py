#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The man pages of the library: their examples at work, and what they say of its functions, which
is to be what the headers say. test_manual.py WEBSOCK NAME=PROGRAM..."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading

from cli_harness import PATIENCE, Client, Server, check, flood, get, run_tests, same, test

PROGRAMS = dict(a.split("=", 1) for a in sys.argv[2:])
del sys.argv[2:]

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
HEADERS = {"websock": ["base"], "wsk_client": ["client"], "wsk_conn": ["conn", "extension"],
           "wsk_loop": ["loop"], "wsk_server": ["server"], "wsk_tls": ["tls"]}


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return f.read()


def squeeze(text):
    return re.sub(r"\s+", " ", text).replace("* ", "*").replace(" (", "(").strip()


# ------------------------------------------------------------------------------------ contents


def declared(header):
    """Functions of a header, without their attributes."""
    text = re.sub(r"/\*.*?\*/", "", read(f"include/websock/{header}.h"), flags=re.DOTALL)
    text = re.sub(r"^#define.*(?:\\\n.*)*", "", text, flags=re.MULTILINE)
    return [squeeze(m.replace("WSK_WARN_UNUSED", "")) for m in
            re.findall(r"WSK_API\s+([^;]+);", text)]


def described(page):
    """Functions of a page's SYNOPSIS."""
    found, kind, args = [], None, None
    for line in page.split(".Sh SYNOPSIS\n")[1].split("\n.Sh ")[0].split("\n"):
        words = [a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', line)]
        if words[:1] == [".Ft"]:
            kind = words[1]
        elif words[:1] == [".Fn"]:
            found.append(squeeze(f"{kind} {words[1]}({', '.join(words[2:])})"))
        elif words[:1] == [".Fo"]:
            name, args = words[1], []
        elif words[:1] == [".Fa"]:
            args.append(words[1])
        elif words[:1] == [".Fc"]:
            found.append(squeeze(f"{kind} {name}({', '.join(args)})"))
    return found


@test
def pages_have_the_functions_of_the_headers():
    for page, headers in HEADERS.items():
        wanted = [d for h in headers for d in declared(h)]
        check(len(wanted) >= 5, f"{page}: {wanted}")
        same(described(read(f"docs/{page}.3")), wanted, f"functions of {page}.3")


@test
def what_pages_name_exists():
    everything = "".join(read(f"include/websock/{n}") for n in
                         os.listdir(os.path.join(ROOT, "include/websock")))
    known = set(re.findall(r"\w+", everything))
    # WSK_OK and the like are made by macros.
    known |= {f"WSK_{kind}_{name}" for kind, table in [("ERR", "ERROR"), ("CLOSE", "CLOSE")]
              for name in re.findall(r"X\((\w+),", everything.split(f"define WSK_{table}_MAP")[1]
                                     .split("typedef")[0])}
    for page in HEADERS:
        text = read(f"docs/{page}.3").split(".Sh DESCRIPTION")[1].split(".Sh EXAMPLES")[0]
        for line in re.findall(r"^\.(?:Fn|Dv|Va|Vt|Fa) (.*)$|^\.It (?:Dv|Va) (.*)$", text, re.M):
            for word in re.findall(r"\w+", " ".join(line)):
                check(word in known or word in {"No", "and", "so", "on", "enum"} or len(word) == 1,
                      f"{page}.3: {word}")


# ------------------------------------------------------------------------------------ examples


def output(name, *args):
    r = subprocess.run([PROGRAMS[name], *args], capture_output=True, text=True, check=False,
                       timeout=30 * PATIENCE)
    return r.returncode, r.stdout, r.stderr


@contextlib.contextmanager
def own_server():
    with subprocess.Popen([PROGRAMS["wsk_server"], "ws://127.0.0.1:0/ws"], text=True,
                          stdout=subprocess.PIPE) as p:
        try:
            yield p.stdout.readline().strip()
            p.send_signal(signal.SIGTERM)
            same(p.wait(15 * PATIENCE), 0, "exit code of the server")
        finally:
            if p.poll() is None:
                p.kill()


@test
def websock_3():
    with Server() as server:
        code, out, log = output("websock", server.urls[0], "wörld")
        same((code, out), (0, "wörld\n"), log)
        check(" open\n" in log and " closed 1000" in log, log)
    with own_server() as url:
        code, out, log = output("websock", url, "x")
        same((code, out), (1, ""), log)
        check("status 403" in log, log)


@test
def wsk_client_3_and_wsk_server_3():
    with own_server() as url:
        for _ in range(2):
            same(output("wsk_client", url),
                 (0, "hello\nclosed with 1000: closed by us, answered by the peer\n", ""),
                 "what the client says")


@test
def wsk_conn_3():
    same(output("wsk_conn"), (0, "received hello\nreceived hello\n", ""), "its output")


@test
def wsk_loop_3():
    same(output("wsk_loop"), (0, "posted\ntick 1\ntick 2\ntick 3\n", ""), "its output")


@test
def wsk_tls_3():
    code, out, log = output("wsk_tls", "/nonexistent/chain.pem")
    same((code, out), (1, ""), log)
    check("/nonexistent/chain.pem" in log, log)


# ------------------------------------------------------------------- examples in the headers


@contextlib.contextmanager
def by_inetd(name):
    """A URL at which the program serves one client, on its standard input."""
    started = []

    def accept():
        with listener.accept()[0] as s:
            started.append(subprocess.Popen([PROGRAMS[name]], stdin=s))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        # More than it reads at a time.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200000)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
            thread.join()
            same(started[0].wait(15 * PATIENCE), 0, "exit code")
        finally:
            thread.join(1)
            for p in started:
                if p.poll() is None:
                    p.kill()
                    p.wait()


@test
def conn_h():
    with by_inetd("header_conn_0") as url, Client(url) as c:
        for text in ["hello", "x" * 200000, ""]:
            c.send(text)
            same(c.message(), text, "echo")
        c.close()
        same(c.close_code(), 1000, "close code")
        check(c.at_end(), "the connection is at its end")
    with by_inetd("header_conn_0") as url:
        same(get(url, "/")[0], 503, "status for a plain request")
    with by_inetd("header_conn_0") as url:
        flood(url)


@test
def server_h():
    """Is examples/echo_server.c, which is run in another test."""
    def essence(text):
        return re.sub(r"\s+", "", text).replace("handlers", "h")

    program = read("examples/echo_server.c").split("#include <websock/websock.h>\n")[1]
    example = read("include/websock/server.h").split(" *\n", 2)[1].replace(" *     ", "")
    same(essence(example), essence(program), "the example of server.h")


@test
def client_h():
    with Server() as server:
        for name in ["header_client_0", "header_client_1"]:
            same(output(name, server.urls[0]), (0, "hello", ""), name)
        code, out, log = output("header_client_1", "ws://127.0.0.1:1/")
        same((code, out), (1, ""), log)
        check("refused" in log, log)


run_tests()
