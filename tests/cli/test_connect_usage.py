#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Command lines of "websock connect": what is wrong is said in one line, with exit code 2. And which
way of waiting follows from them."""
import os
import re
import tempfile

from cli_harness import PATIENCE, Server, check, run_tests, same, test, wait_until, websock
from connect_harness import FakeServer, connect, one_line, start

URL = "ws://127.0.0.1:1/ws"


def wrong(args, *words):
    r = connect(*args)
    same(r.returncode, 2, f"exit code of {args}: {r.stderr!r}")
    same(r.stdout, b"", f"stdout of {args}")
    one_line(r.stderr, *words)
    return r


@test
def urls_that_are_none():
    wrong([], "URL")
    wrong([URL, URL], "unexpected argument")
    wrong(["ftp://127.0.0.1/"], "scheme")
    wrong(["ws://"], "URL")
    wrong(["ws://127.0.0.1:99999/"], "port")
    wrong(["ws://127.0.0.1/#part"], "URL")
    wrong(["ws://127.0.0.1/a b"], "URL")
    wrong(["ws://127.0.0.1/\x1b[31m"], "URL")


@test
def options_that_do_not_exist():
    wrong(["--heder", "a: b", URL], "did you mean --header?")
    wrong(["-Z", URL], "-Z")
    wrong(["--count", "0", URL], "--count", "at least 1")
    wrong(["--timeout", "soon", URL], "--timeout", "a time")
    wrong(["--client-window-bits", "16", URL], "at most 15")
    for way in "kqueue", "":
        wrong(["--io", way, URL], "--io", "auto, uring, epoll")
        wrong(["--testee", "--io", way, URL], "--io", "auto, uring, epoll")


@test
def options_that_exclude_each_other():
    for a, b in [("binary", "hex"), ("null", "whole"), ("json", "null"), ("json", "whole"),
                 ("json", "times"), ("json", "sizes"), ("null", "times"), ("whole", "sizes"),
                 ("whole", "reconnect"), ("ipv4", "ipv6"), ("quiet", "verbose")]:
        wrong([f"--{a}", f"--{b}", URL], f"--{a}", f"--{b}", "exclude")
    wrong(["--keep-open", "--wait", "1s", URL], "--keep-open", "--wait")


@test
def options_that_need_another():
    wrong(["--key", "x", URL], "--key", "--cert")
    wrong(["--agent", "x", URL], "--agent", "--testee")
    wrong(["--max-redirects", "3", URL], "--location")
    wrong(["--close-reason", "bye", URL], "--close-code")
    for option in "--reconnect-first=1", "--reconnect-max=1", "--reconnect-attempts=1":
        wrong([option, URL], option[:-2] + " is of no use without --reconnect\n")


@test
def options_that_a_testee_has_no_use_for():
    for option in ["-B", "-X", "-t", "-S", "--history=x", "-0", "-w", "-n1", "--wait=1", "--keep-open",
                   "--close-code=1000", "-j", "-W", "-v", "-L", "-r", "--reconnect-first=1",
                   "--reconnect-max=1", "--reconnect-attempts=1"]:
        wrong(["--testee", option, URL], "--testee and --", "exclude each other")


def way_of(process):
    """What /proc says of its descriptors"""
    links = []
    for name in os.listdir(f"/proc/{process.pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{process.pid}/fd/{name}"))
        except FileNotFoundError:
            pass
    return "uring" if any("io_uring" in link for link in links) else "epoll"


@test
def both_ways_of_waiting():
    with Server() as server:
        auto = "uring" if " io_uring," in server.banner else "epoll"
    seen = []

    def script(peer):
        peer.accept()
        wait_until(lambda: running, "the program is known")
        seen.append(way_of(running[0]))
        peer.close()
        peer.close_code()

    for testee in [], ["--testee"]:
        for io in "epoll", "uring", "auto", None:
            options = [*testee, *(["--io", io] if io else [])]
            if io == "uring" and auto == "epoll":
                r = connect(*options, "ws://127.0.0.1:1/")
                same(r.returncode, 1, "exit code without io_uring")
                one_line(r.stderr, "--io uring: ")
                continue
            running = []
            with FakeServer(script) as server, start(*options, server.url) as p:
                running.append(p)
                p.communicate(timeout=PATIENCE)
            same(seen.pop(), io if io in ("epoll", "uring") else auto, f"the way of {options}")


@test
def values_that_may_not_be_sent():
    for code in ["1004", "1005", "1006", "1015", "2999"]:
        wrong(["--close-code", code, URL], code)
    wrong(["--close-code", "999", URL], "at least 1000")
    wrong(["--close-code", "1000", "--close-reason", "x" * 124, URL], "123")
    for reason in b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"\xe2\x82":
        wrong(["--close-code", "1000", "--close-reason", reason, URL], "--close-reason", "UTF-8")
    for field in "Authorization Bearer hush", "hush", ": hush", ";":
        r = wrong(["--header", field, URL], "--header: ", "Name: value")
        check(b"hush" not in r.stderr and b"Bearer" not in r.stderr, r.stderr)
    wrong(["--header", "Host: a b", URL], "connect: --header: host is to be a host", "and nothing else")
    wrong(["--proxy-user", "a:b", URL], "--proxy-user", "--proxy")
    wrong(["--proxy-user", "a:\nb", "-x", "http://127.0.0.1", URL], "connect: --proxy-user: ")
    # The value may be a secret.
    for field in ["Host:", "Sec-WebSocket-Key: hush", "Upgrade: hush", "A: hush\r\nC: d", "A b: hush",
                  "A: hush\x7f"]:
        r = wrong(["--header", field, URL], "header", '"' + field.split(":")[0] + '"')
        check(b"hush" not in r.stderr, r.stderr)
        with tempfile.NamedTemporaryFile() as f:
            f.write(f"Good: one\n\n{field}\n".encode())
            f.flush()
            if "\n" not in field:
                r = wrong(["--header", f"@{f.name}", URL], f"--header: {f.name}, line 3: ")
                check(b"hush" not in r.stderr and b"Sec-" not in r.stderr, r.stderr)
    for option, value in [("--cookie", "a=hush\nc"), ("--user-agent", "hush\n"),
                          ("--origin", "hush\n")]:
        r = wrong([option, value, URL], option)
        check(b"hush" not in r.stderr, r.stderr)
    wrong(["--subprotocol", "a b", URL], "subprotocol")
    wrong(["--subprotocol", "a", "--subprotocol", "a", URL], "subprotocol")
    # By the names that options have, not by those of the library's fields.
    wrong(["--proxy", "ftp://127.0.0.1", URL], "connect: --proxy: the scheme")
    wrong(["--proxy", "http://127.0.0.1/path", URL], "connect: --proxy: a proxy has no path")
    wrong(["--subprotocol", "a b", URL], "connect: --subprotocol: 'a b' is not a token")
    wrong(["--resolve", "a:b:127.0.0.1", URL], "connect: --resolve: the port")
    wrong(["--noproxy", "a\nb", URL], "connect: --noproxy: ")
    wrong(["--user", "a:\nb", URL], "connect: --user: ")
    wrong(["--max-head", "32M", URL], "--max-head must be at most")


@test
def passwords_without_a_terminal():
    wrong(["--user", "name", URL], "--user", "USER:PASSWORD", "no terminal")
    wrong(["--proxy-user", "name", "-x", "http://127.0.0.1", URL], "--proxy-user", "no terminal")
    # Asked for once all else is right.
    for args, word in ([["-x", "ftp://127.0.0.1", URL], "--proxy"], [["ws://127.0.0.1:99999/"], "port"],
                       [["--cacert", "/nonexistent/ca.pem", URL], "/nonexistent/ca.pem"],
                       [["-H", "Host: a b", URL], "--header"]):
        check(b"terminal" not in wrong(["--user", "name", *args], word).stderr, word)
        wrong(["-x", "http://127.0.0.1", "--proxy-user", "name", *args], word)


@test
def files_that_cannot_be_read():
    wrong(["--header", "@/nonexistent/fields", URL], "--header", "/nonexistent/fields")
    wrong(["--header", "@/dev/zero", URL], "--header", "1 MiB")
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"A: b\0\n")
        f.flush()
        wrong(["--header", f"@{f.name}", URL], "is no text")
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"A: b\nnonsense\n")
        f.flush()
        r = wrong(["--header", f"@{f.name}", URL], "Name: value", f"{f.name}, line 2: ")
        check(b"nonsense" not in r.stderr, r.stderr)
    wrong(["--header", "@-", URL], "stdin is for messages")
    with tempfile.NamedTemporaryFile() as f:
        for notes in b"mine\n", b"_HiStOrY_V2_", b"\0" * 100:
            f.seek(0)
            f.truncate()
            f.write(notes)
            f.flush()
            wrong(["--history", f.name, URL], f"--history: {f.name} is no history")
            f.seek(0)
            same(f.read(), notes, "what the file holds")
    wrong(["--cacert", "/nonexistent/ca.pem", "wss://127.0.0.1:1/"], "/nonexistent/ca.pem")
    wrong(["--proxy-cacert", "/nonexistent/ca.pem", URL], "/nonexistent/ca.pem")
    wrong(["--cert", "/nonexistent/me.pem", "wss://127.0.0.1:1/"], "/nonexistent/me.pem")


@test
def arguments_do_not_reach_the_terminal_raw():
    for args in [["--\x1b]0;title\x07"], ["ws://127.0.0.1:1/\x1b]0;title\x07"],
                 ["--subprotocol", "\x1b\x07", URL], ["--a\u009bb\u202e\u2066\u20ac", URL]]:
        r = connect(*args)
        same(r.returncode, 2, "exit code")
        for bad in ("\x1b", "\x07", "\u009b", "\u202e", "\u2066"):
            check(bad.encode() not in r.stderr, r.stderr)
        same("\u20ac" in "".join(args), "\u20ac".encode() in r.stderr, "what is no harm")


@test
def help_fits_and_agrees_with_the_man_page():
    r = websock("connect", "--help")
    same((r.returncode, r.stderr), (0, ""), "connect --help")
    same(websock("help", "connect").stdout, r.stdout, "help connect")
    same(websock("connect", "-h").stdout, r.stdout, "-h")
    longest = max(len(line) for line in r.stdout.splitlines())
    check(longest <= 80, f"a line of {longest} characters")
    page = os.path.join(os.path.dirname(__file__), "../../docs/websock-connect.1")
    with open(page, encoding="utf-8") as f:
        items = re.findall(r"^\.It (Fl .*)$", f.read(), re.MULTILINE)
    described = {name for item in items for name in re.findall(r"Fl \\-([\w-]+)", item)}
    letters = {letter for item in items for letter in re.findall(r"Fl (\w) ", item)}
    helped = re.findall(r"^  (?:-(\w), |    )--([\w-]+)", r.stdout, re.MULTILINE)
    same(sorted(described ^ {name for _, name in helped}), [], "options of one of them only")
    same(sorted(letters ^ {letter for letter, _ in helped if letter}), [], "letters likewise")
    check(len(helped) > 50, f"{len(helped)} options")
    check("connect" in websock("help").stdout, "the list of commands")


run_tests()
