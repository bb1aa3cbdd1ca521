#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""websock connect as a person sees it: under a pseudoterminal, on a screen of our own."""
import base64
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import threading
import time

from cli_harness import PATIENCE, PROGRAM, Server, Skip, check, cpu_time, run_tests, same, test, wait_until
from connect_harness import FakeServer

UP, LEFT, CONTROL_A, CONTROL_C, CONTROL_D, CONTROL_V, CONTROL_Z, CONTROL_BACKSLASH = (
    b"\x1b[A", b"\x1b[D", b"\x01", b"\x03", b"\x04", b"\x16", b"\x1a", b"\x1c")

COOKED = termios.ECHO | termios.ICANON | termios.ISIG


class Screen:
    """As much of a terminal as the program and libedit use; anything else is an error."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [[]]
        self.row = self.column = 0
        self.pending = ""

    def feed(self, text):
        text = self.pending + text
        self.pending = ""
        while text:
            m = re.match(r"\x1b\[([\d;?]*)([A-Za-z@])|\x1b[=>78]|\x1b\([AB0]", text)
            if m:
                if m.group(2):
                    self.control(m.group(1), m.group(2))
                text = text[m.end():]
            elif text[0] == "\x1b":
                if len(text) < 10:
                    self.pending = text
                    return
                raise AssertionError(f"unknown sequence {text[:10]!r}")
            else:
                self.put(text[0])
                text = text[1:]

    def control(self, argument, letter):
        n = int(argument) if argument.isdigit() else 1
        line = self.lines[self.row]
        if letter == "A":
            self.row = max(0, self.row - n)
        elif letter == "B":
            self.down(n)
        elif letter == "C":
            self.column += n
        elif letter == "D":
            self.column = max(0, self.column - n)
        elif letter == "G":
            self.column = n - 1
        elif letter == "K":
            del line[self.column:]
        elif letter == "J":
            del line[self.column:]
            del self.lines[self.row + 1:]
        elif letter == "P":
            del line[self.column:self.column + n]
        elif letter == "@":
            line[self.column:self.column] = [" "] * n
        elif letter not in "mhl":
            raise AssertionError(f"unknown sequence CSI {argument}{letter}")

    def down(self, n):
        self.row += n
        while len(self.lines) <= self.row:
            self.lines.append([])

    def put(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self.down(1)
        elif c == "\b":
            self.column = max(0, min(self.column, self.columns - 1) - 1)
        elif c == "\t":
            self.column = min(self.column // 8 * 8 + 8, self.columns - 1)
        elif c in "\a\0":
            pass
        else:
            check(c >= " ", f"control character {c!r}")
            if self.column >= self.columns:
                self.column = 0
                self.down(1)
            line = self.lines[self.row]
            line.extend(" " * (self.column - len(line) + 1))
            line[self.column] = c
            self.column += 1

    def text(self):
        return "\n".join("".join(x).rstrip() for x in self.lines)


class Terminal:
    """The program at a pseudoterminal."""

    def __init__(self, *args, columns=80, env=None, command=(PROGRAM,)):
        self.screen = Screen(columns)
        self.raw = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
                os.execve(command[0], [*command, "connect", *args],
                          {**os.environ, "TERM": "xterm", "LC_ALL": "C", "HOME": "/nonexistent",
                           **(env or {})})
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("".join(f"# screen: {line}\n" for line in self.screen.text().splitlines()[-30:]),
                  end="")
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def read(self, seconds):
        """False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.raw += data
        whole = data.decode(errors="surrogateescape")
        self.screen.feed(whole)
        return data != b""

    def shows(self, pattern):
        """Waits until a part of the screen fits; $ and ^ are ends of lines."""
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.screen.text(), re.MULTILINE):
            check(time.monotonic() < end, f"waited for {pattern!r}")
            if not self.read(0.05):
                check(re.search(pattern, self.screen.text(), re.MULTILINE), f"ended without {pattern!r}")
                return

    def type(self, keys):
        os.write(self.fd, keys if isinstance(keys, bytes) else keys.encode())

    def enter(self, line):
        self.type(line + ("\r" if isinstance(line, str) else b"\r"))

    def ends(self):
        """The exit code."""
        end = time.monotonic() + PATIENCE
        while self.read(0.1):
            check(time.monotonic() < end, "it does not end")
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)


def gate():
    """A server's script that sends what the test puts on a list, and the list."""
    queue, seen, ready = [], [], threading.Event()

    def script(peer):
        peer.accept()
        ready.set()
        peer.socket.settimeout(0.02)
        while True:
            while queue:
                peer.send(*queue.pop(0))
            try:
                first, payload = peer.frame()
            except TimeoutError:
                continue
            except EOFError:
                return
            seen.append((first, payload))
            if first & 15 == 9:
                peer.send(payload, 10)
            if first & 15 == 8:
                peer.send(payload, 8)
                return

    return script, queue, seen


@test
def lines_and_answers():
    with Server() as server, Terminal(server.urls[0]) as t:
        t.shows(r"^\* connected to ws://127.0.0.1:\d+/ws, permessage-deflate$")
        t.shows(r"^\* /help lists")
        t.shows(r"^>$")
        t.enter("hello")
        t.shows(r"^> hello\n< hello\n>$")
        t.enter("gr\u00fc\u00dfe \u20ac")
        t.shows("^< gr\u00fc\u00dfe \u20ac\n>$")
        t.type(CONTROL_D)
        same(t.ends(), 0, "exit code")
        t.shows(r"^\* closed with 1000 \(normal closure\)")


@test
def editing_and_history():
    with Server() as server, Terminal(server.urls[0]) as t:
        t.shows("^>$")
        t.type(b"wrld" + LEFT * 3 + b"o")
        t.shows("^> world$")
        t.enter(CONTROL_A + b"the ")
        t.shows("^< the world\n>$")
        t.enter("second")
        t.shows("^< second\n>$")
        t.type(UP + UP)
        t.shows("> the world$")
        t.enter(b"\x7f\x7f\x7fk")
        t.shows("^< the wok\n>$")


@test
def messages_do_not_disturb_the_edit_line():
    script, queue, _ = gate()
    with FakeServer(script) as server, Terminal(server.url, columns=30) as t:
        t.shows("^>$")
        t.type("half a line")
        t.shows("^> half a line$")
        queue.append(("first",))
        t.shows("^< first\n> half a line$")
        check(t.screen.text().count("half a line") == 1, "the line stands there twice")
        t.type(LEFT * 4)
        queue.append(("second",))
        t.shows("^< second\n> half a line$")
        t.type("long ")
        t.shows("^> half a long line$")
        # Longer than the screen is wide, with the cursor in each of its rows.
        t.type(b"\x05" + b" and on and on, over the edge of it, twice")
        t.shows("edge of it, twi")
        queue.append(("third",))
        t.shows("^< third\n> half a long line and on and\non, over the edge of it, twice$")
        t.type(CONTROL_A)
        queue.append(("fourth",))
        t.shows("^< fourth\n> half a long line and on and\non, over the edge of it, twice$")
        same(t.screen.text().count("half a long"), 1, "lines")
        same(t.screen.text().count("< third\n< fourth\n"), 1, "messages in a row")
        t.type("\r")
        t.shows("^>$")


@test
def messages_in_the_middle_of_a_key():
    script, queue, _ = gate()
    with FakeServer(script) as server, Terminal(server.url) as t:
        t.shows("^>$")
        t.type("abc")
        t.type(b"\x1b")
        queue.append(("meanwhile",))
        t.shows("^< meanwhile\n> abc$")
        t.type(b"[D")
        t.type("X")
        t.shows("^> abXc$")


@test
def commands():
    script, queue, seen = gate()
    with FakeServer(script) as server, Terminal(server.url) as t:
        t.shows("^>$")
        for line, frame in [("text", (0x81, b"text")), ("//slash", (0x81, b"/slash")),
                            ("/ping", (0x89, b"")), ("/ping a b", (0x89, b"a b")),
                            ("/pong c", (0x8A, b"c")), ("/binary x y", (0x82, b"x y")),
                            ("/hex 00 Ff", (0x82, b"\x00\xff"))]:
            t.enter(line)
            deadline = time.monotonic() + PATIENCE
            while frame not in seen and time.monotonic() < deadline:
                t.read(0.01)
            same(seen[-1:], [frame], line)
        t.shows(r"^\* pong after \d+\.\d\d\d ms$")
        t.shows(r"^\* pong a b after \d+\.\d\d\d ms$")
        t.enter("/hex")
        t.shows("^hex>$")
        t.enter("zz")
        t.shows("^! hexadecimal digits")
        t.enter("0102")
        t.enter("/text")
        t.shows("^>$")
        t.enter("/clsoe")
        t.shows("^! there is no command /clsoe; did you mean /close")
        t.enter("/xyzzy")
        t.shows("^! there is no command /xyzzy; /help")
        t.enter("/help")
        t.shows(r"^\* /close \[CODE\] \[REASON\]")
        t.enter("/stats")
        t.shows(r"^\* sent: \d+ messages, \d+ octets")
        t.enter("/close 1005")
        t.shows("^! a close frame may have")
        t.enter("/close " + "r" * 124)
        t.shows("^! a close reason has room")
        t.enter("/ping " + "r" * 126)
        t.shows("^! a ping or pong has room")
        t.enter("/close 4001 so long")
        same(t.ends(), 0, "exit code")
        check((0x82, b"\x01\x02") in seen, seen)
        same(seen[-1], (0x88, b"\x0f\xa1so long"), "close frame")


@test
def files():
    with Server() as server, Terminal(server.urls[0], "--sizes", columns=120) as t, \
            tempfile.TemporaryDirectory() as folder:
        text, octets = os.path.join(folder, "text file"), os.path.join(folder, "octets")
        with open(text, "w", encoding="utf-8") as f:
            f.write("line one\nline two\n" + "x" * 80000)
        with open(octets, "wb") as f:
            f.write(b"\xff" * 300000)
        t.shows("^>$")
        t.enter(f"/file {folder}/none")
        t.shows("^! .*/none: No such file or directory$")
        t.enter(f"/file {folder}")
        t.shows("^! .* is not a file$")
        t.enter(f"/file {octets}")
        t.shows("^! .* is not valid UTF-8")
        t.enter("/file")
        t.shows("^! /file wants a path")
        t.enter(f"/file {text}")
        t.shows(r"^\* sent 80018 octets as text$")
        t.shows(r"^< \[80018\] line one\n  line two\n  xxx")
        t.enter("/binary")
        t.shows("^binary>$")
        t.enter(f"/file {octets}")
        t.shows(r"^\* sent 300000 octets as binary$")
        t.shows(r"^< \[300000\] binary, 300000 octets: (ff){32}\.\.\.")
        t.enter("/file /dev/null")
        t.shows(r"^< \[0\] binary, 0 octets:$")


@test
def file_that_is_cut_short():
    """What is left of it is no message for the next connection, nor for none."""
    seen, ready = [], threading.Event()

    def script(peer):
        peer.accept()
        if server.connections == 1:
            peer.take(100000)
            return
        peer.send("here again")
        try:
            while not seen or seen[-1][0] & 15 != 8:
                seen.append(peer.frame())
        except EOFError:
            pass
        ready.set()

    with FakeServer(script) as server, tempfile.TemporaryDirectory() as folder, \
            Terminal("-C", "-r", "--reconnect-first", "50ms", server.url) as t:
        path = os.path.join(folder, "text")
        with open(path, "w", encoding="ascii") as f:
            f.write("x" * (64 << 20))
        t.shows("^>$")
        t.enter(f"/file {path}")
        t.shows(r"^! the file was not sent: at most \d+ octets of it went out$")
        t.shows("^< here again\n>$")
        t.enter("next")
        t.type(CONTROL_D)
        t.ends()
        check(ready.wait(PATIENCE), "the server hears of no end")
        same(seen, [(0x81, b"next"), (0x88, b"\x03\xe8")], "what the second connection brought")
        same(t.screen.text().count("was not sent"), 1, "complaints")


@test
def nothing_of_a_peer_reaches_the_terminal_raw():
    script, queue, _ = gate()
    with FakeServer(script) as server, Terminal(server.url, "-v") as t:
        t.shows("^>$")
        queue.append(("\x1b]0;title\x07 \x1b[31m \x9b31m \u202e \x7f\r\b\0 tab\t line\nnext",))
        t.shows(r"^< \\x1b\]0;title\\x07 \\x1b\[31m \\u009b31m \\u202e \\x7f\\x0d\\x08\\x00 tab")
        t.shows("^  next$")
        queue.append((b"\x1b[31m", 9))
        t.shows(r"^\* ping \\x1b\[31m$")
        queue.append((b"\x10\x01\x1b]0;x\x07", 8))
        t.shows(r'^! closed with 4097 \(private code\), "\\x1b\]0;x\\x07"')
        for bad in [b"\x1b]", b"\x07", b"\xc2\x9b", b"\x1b[31m\x1b", "\u202e".encode()]:
            check(bad not in t.raw, f"{bad} in {t.raw}")


@test
def hex_dump():
    script, queue, _ = gate()
    with FakeServer(script) as server, Terminal("--hex", server.url) as t:
        t.shows("^hex>$")
        queue.append((bytes(range(0x20, 0x32)),))
        t.shows(r"^< binary, 18 octets$")
        t.shows(r"^  00000000  20 21 22 23 24 25 26 27  28 29 2a 2b 2c 2d 2e 2f  "
                r"\| !\"#\$%&'\(\)\*\+,-\./\|$")
        t.shows(r"^  00000010  30 31 +\|01\|$")


@test
def times_are_shown_when_asked_for():
    with Server() as server, Terminal(server.urls[0]) as t:
        t.shows("^>$")
        t.enter("/times")
        t.shows(r"^\* times are shown$")
        t.enter("x")
        t.shows(r"^< \d\d:\d\d:\d\d\.\d\d\d x$")
        t.enter("/times")
        t.enter("y")
        t.shows("^< y$")


@test
def colours_only_where_they_are_wanted():
    with Server() as server:
        for env, wanted in [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)]:
            with Terminal(server.urls[0], env=env) as t:
                t.shows("^>$")
                t.enter("x")
                t.shows("^< x$")
                same(b"\x1b[32m<" in t.raw, wanted, f"colours with {env}")
        with Terminal(server.urls[0], env={"TERM": "dumb"}) as t:
            t.shows(">$")
            t.enter("x")
            t.shows("< x$")
            check(b"\x1b[" not in t.raw, t.raw)


@test
def keys_that_close_and_leave():
    for key in CONTROL_C, CONTROL_BACKSLASH:
        script, _, seen = gate()
        with FakeServer(script) as server, Terminal(server.url) as t:
            t.shows("^>$")
            t.type(b"unsent" + key)
            same(t.ends(), 0, f"exit code of {key!r}")
            same(seen, [(0x88, b"\x03\xe8")], f"frames of {key!r}")
            same(termios.tcgetattr(t.fd)[3] & COOKED, COOKED, f"modes after {key!r}")


@test
def second_signal_leaves_the_terminal_as_it_was():
    def script(peer):
        peer.accept()
        peer.close_code()
        closing.set()
        released.wait(PATIENCE)

    for key in CONTROL_C, CONTROL_BACKSLASH:
        closing, released = threading.Event(), threading.Event()
        with FakeServer(script) as server, Terminal("--close-timeout", "1h", server.url) as t:
            t.shows("^>$")
            t.type(key)
            check(closing.wait(PATIENCE), "no close frame")
            t.type(key)
            same(t.ends(), 130, f"exit code of {key!r} twice")
            same(termios.tcgetattr(t.fd)[3] & COOKED, COOKED, f"modes after {key!r} twice")
            released.set()


def authorization(head):
    m = re.search(r"^Authorization: Basic (\S+)", head, re.MULTILINE)
    return base64.b64decode(m.group(1)).decode() if m else None


def hang_up():
    """The heads that a server got, and its script, which closes at once."""
    heads = []

    def script(peer):
        heads.append(peer.head)
        peer.accept()
        peer.close()
        peer.close_code()

    return heads, script


@test
def passwords_are_asked_for_and_not_shown():
    heads, script = hang_up()
    with FakeServer(script) as server:
        with Terminal("-u", "m\u00fc", server.url, env={"LC_ALL": "C.UTF-8"}) as t:
            t.shows("^Password of m\u00fc:$")
            check(not termios.tcgetattr(t.fd)[3] & termios.ECHO, "the terminal echoes")
            t.type("wrong" + "\x15" + "se\u00e9\x7fcret")
            t.type("\r")
            same(t.ends(), 0, "exit code")
            check(b"cret" not in t.raw and b"wrong" not in t.raw, t.raw)
        same(authorization(heads[0]), "m\u00fc:secret", "user and password")
        for keys, code, words in ((CONTROL_C, 130, b""), (b"abc" + CONTROL_C, 130, b""),
                                  (CONTROL_D, 2, b"no password was given")):
            with Terminal("-u", "me", server.url) as t:
                t.shows("^Password of me:$")
                t.type(keys)
                same(t.ends(), code, "exit code")
                check(words in t.raw, t.raw)
        with Terminal("-u", "me", "-x", "http://127.0.0.1:1", "-U", "you\u202e", server.url) as t:
            t.shows("^Password of me:$")
            t.type("one\r")
            t.shows(r"^Password at the proxy of you\\u202e:$")
            before = termios.tcgetattr(t.fd)[3] & termios.ECHO
            t.type("two\r")
            same(t.ends(), 1, "exit code")
            same(before, 0, "echo")
        with Terminal("-u", "me:", server.url) as t:
            same(t.ends(), 0, "exit code")
        same([authorization(h) for h in heads[1:]], ["me:"], "who came since")


@test
def keys_at_the_password_prompt():
    heads, script = hang_up()
    rows = [(b"one two  \x17three", "one three"), (b"\x17\x17a", "a"),
            (UP + b"se" + LEFT + b"\x1bOc\x1b[1;5Dcret\x1bx", "secret"), (b"\x1b", ""),
            (CONTROL_Z + b"a\x1c\x00\x09b" + CONTROL_D + b"c", "abc"),
            ("\u00e9\u20ac\x7f\x7fe".encode(), "e")]
    with FakeServer(script) as server:
        for keys, password in rows:
            with Terminal("-u", "me", server.url) as t:
                t.shows("^Password of me:$")
                t.type(keys)
                t.type("\r")
                same(t.ends(), 0, f"exit code of {keys!r}")
            same(authorization(heads[-1]), "me:" + password, f"what {keys!r} made")
        with Terminal("-u", "me", server.url) as t:
            t.shows("^Password of me:$")
            t.type("x" * 1024)
            same(t.ends(), 2, "exit code of a long one")
            check(b"a password has at most 1023 octets" in t.raw, t.raw)


@test
def signals_at_the_password_prompt():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with Terminal("-u", "me", "ws://127.0.0.1:1/") as t:
            t.shows("^Password of me:$")
            same(termios.tcgetattr(t.fd)[3] & COOKED, 0, "modes at the prompt")
            os.kill(t.pid, number)
            same(t.ends(), -number, "exit code")
            same(termios.tcgetattr(t.fd)[3] & COOKED, COOKED, f"modes after {number}")
    if "WSK_TEST_VALGRIND" in os.environ:
        return  # as below
    script = '"$@"; echo stopped $?; stty -a; fg; echo over'
    with Terminal("-u", "me", "ws://127.0.0.1:1/",
                  command=["/bin/sh", "-mc", script, "sh", PROGRAM]) as t:
        t.shows("^Password of me:$")
        os.kill(os.tcgetpgrp(t.fd), signal.SIGTSTP)
        t.shows(r"(?s)^stopped 14\d$.*^Password of me:$")
        same(modes(t), ["icanon", "echo"], "modes while stopped")
        t.type("secret\r")
        t.shows("refused")
        t.shows("^over$")
        check("secret" not in t.screen.text(), "it was shown")
        t.ends()


@test
def server_that_closes_ends_it():
    script, queue, _ = gate()
    with FakeServer(script) as server, Terminal(server.url) as t:
        t.shows("^>$")
        t.type("half")
        queue.append((b"\x10\x00why", 8))
        t.shows(r'^! closed with 4096 \(private code\), "why"')
        same(t.ends(), 4, "exit code")


@test
def terminal_is_given_back_while_stopped():
    if "WSK_TEST_VALGRIND" in os.environ:
        raise Skip("memcheck does not stop a program that raises SIGTSTP")
    script = '"$@"; echo stopped $?; stty -a; echo going on; fg; echo ended $?; stty -a; echo over'
    with Server() as server:
        with Terminal(server.urls[0], command=["/bin/sh", "-mc", script, "sh", PROGRAM]) as t:
            t.shows("^>$")
            t.type("half")
            t.shows("^> half$")
            t.type(CONTROL_Z)
            t.shows(r"^stopped 14\d$")
            t.shows(r"\bgoing on$")
            same(modes(t), ["icanon", "echo"], "modes while stopped")
            t.shows("^> half$")
            t.enter("way")
            t.shows("^< halfway$")
            t.type(CONTROL_D)
            t.shows("^ended 0$")
            t.shows("^over$")
            same(modes(t), ["icanon", "echo"] * 2, "modes at the end")
            t.ends()


@test
def terminal_is_given_back_while_there_is_no_line():
    if "WSK_TEST_VALGRIND" in os.environ:
        raise Skip("as above")
    answers = threading.Event()

    def script(peer):
        answers.wait(PATIENCE)
        peer.accept()
        peer.close_code()
        time.sleep(0.3)
        peer.close()

    script_of_shell = '"$@"; echo stopped $?; stty -a; echo going on; fg; echo over; stty -a; echo end'
    with FakeServer(script) as server:
        with Terminal(server.url, command=["/bin/sh", "-mc", script_of_shell, "sh", PROGRAM]) as t:
            wait_until(lambda: server.connections == 1, "the request")
            wait_until(lambda: not termios.tcgetattr(t.fd)[3] & termios.ECHO, "the modes of libedit")
            t.type(CONTROL_Z)
            t.shows(r"^stopped 14\d$")
            t.shows(r"\bgoing on$")
            same(modes(t), ["icanon", "echo"], "modes while stopped")
            wait_until(lambda: not termios.tcgetattr(t.fd)[3] & termios.ECHO, "the same again")
            answers.set()
            t.shows("^>$")
            t.enter("/close")
            t.shows("^over$")
            t.shows("^end$")
            same(modes(t), ["icanon", "echo"] * 2, "modes at the end")
            t.ends()


def modes(t):
    return re.findall(r"(?<!\S)-?(?:icanon|echo)\b(?!\S)", t.screen.text().replace(";", ""))


@test
def terminal_that_takes_no_output():
    """As after Control-S: all else goes on, and it can be ended."""
    def script(peer):
        peer.accept()
        for i in range(1000):
            peer.send(f"message {i} " + "x" * 100)
        peer.send(b"", 9)
        while peer.frame()[0] & 15 != 10:
            pass
        stuck.set()
        codes.append(peer.close_code())
        if answers:
            peer.close()
        else:
            released.wait(PATIENCE)

    term, interrupt = signal.SIGTERM, signal.SIGINT
    for numbers, options, answers, code, close_code in (
            ([term], ["--close-timeout", "1h"], True, 0, 1001),
            ([term, term], ["--close-timeout", "1h"], False, 130, 1001),
            ([interrupt, interrupt], ["--close-timeout", "1h"], False, 130, 1000),
            ([], ["--timeout", f"{PATIENCE / 10}s", "-W"], True, 3, 1000)):
        stuck, released, codes = threading.Event(), threading.Event(), []
        with FakeServer(script) as server, Terminal(*options, server.url) as t:
            check(stuck.wait(PATIENCE), "no pong came")
            for number in numbers:
                os.kill(t.pid, number)
                wait_until(lambda: codes, "the close frame")
            wait_until(lambda: os.waitid(os.P_PID, t.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT),
                       f"the end after {numbers}")
            same(termios.tcgetattr(t.fd)[3] & COOKED, COOKED, "modes at the end")
            same(t.ends(), code, f"exit code after {numbers}")
            same(codes, [close_code], f"close codes after {numbers}")
            released.set()
    # Who lets it go on sees all of it, and the line behind it.
    answers, stuck, codes = True, threading.Event(), []
    with FakeServer(script) as server, Terminal(server.url, columns=200) as t:
        check(stuck.wait(PATIENCE), "no pong came")
        t.type("half a line")
        t.shows("^< message 999 x+\n> half a line$")
        same(re.findall(r"^< message (\d+) ", t.screen.text(), re.MULTILINE),
             [str(i) for i in range(1000)], "messages")
        t.type(CONTROL_C)
        same(t.ends(), 0, "exit code")


@test
def file_waits_for_the_terminal_that_shows_its_frames():
    """Else they would be held, all of them."""
    came = [0]

    def script(peer):
        peer.accept()
        while part := peer.socket.recv(1 << 16):
            came[0] += len(part)

    with tempfile.NamedTemporaryFile() as f, FakeServer(script) as server:
        f.write(b"x" * (16 << 20))
        f.flush()
        with Terminal("-C", "-W", "--fragment-size", "100", server.url) as t:
            t.shows("^>$")
            t.enter(f"/file {f.name}")
            wait_until(lambda: came[0] > 200, "the file begins")
            before = -1
            while came[0] != before:
                before = came[0]
                time.sleep(1)
            check(0 < before < 8 << 20, f"{before} octets were sent")
            used = cpu_time(t.pid)
            time.sleep(1)
            check(cpu_time(t.pid) - used < 0.5, "it turns in circles")


@test
def width_may_change():
    script, queue, _ = gate()
    with FakeServer(script) as server, Terminal(server.url, columns=80) as t:
        t.shows("^>$")
        t.type("a" * 50)
        t.shows("a{50}")
        fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        os.kill(t.pid, signal.SIGWINCH)
        t.screen.columns = 100
        queue.append(("message",))
        t.shows("^< message\n> a{50}$")


@test
def pasted_lines():
    with Server() as server, Terminal(server.urls[0]) as t:
        t.shows("^>$")
        t.type("".join(f"line {i}\r" for i in range(20)))
        t.shows("^< line 19$")
        for i in range(20):
            same(t.screen.text().count(f"> line {i}\n"), 1, f"line {i} as typed")
            same(t.screen.text().count(f"< line {i}\n"), 1, f"line {i} as received")
        same(len(re.findall("line", t.screen.text())), 40, "lines")


@test
def history_file():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "history")
        with Server() as server:
            with Terminal("--history", path, server.urls[0]) as t:
                t.shows("^>$")
                t.enter("remember me")
                t.shows("^< remember me$")
                t.enter("/quit")
                same(t.ends(), 0, "exit code")
            same(os.stat(path).st_mode & 0o777, 0o600, "mode")
            with Terminal("--history", path, server.urls[0]) as t:
                t.shows("^>$")
                t.type(UP + UP)
                t.shows("^> remember me$")


@test
def failure_to_connect():
    with Terminal("ws://127.0.0.1:1/") as t:
        same(t.ends(), 1, "exit code")
        t.shows("^! .*refused")


@test
def connects_again_while_the_person_waits():
    def script(peer):
        peer.accept()
        if server.connections == 1:
            peer.close(1012)
            peer.close_code()
        else:
            peer.send("again")
            peer.close_code()
            peer.close()

    with FakeServer(script) as server, Terminal("-r", "--reconnect-first", "300ms",
                                                server.url) as t:
        t.shows(r"^\* closed with 1012")
        t.shows(r"^\* connecting again in 0\.\d\d\d s \(attempt 1\)$")
        t.shows("^< again$")
        t.type(CONTROL_D)
        same(t.ends(), 0, "exit code")


@test
def scripts_at_a_terminal_are_safe_too():
    def script(peer):
        peer.accept()
        peer.send("\x1b[31m\u009b red\n")
        peer.send(b"\x1b]0;x\x07")
        peer.close()
        peer.close_code()

    for options in [[], ["--null"], ["--whole"], ["--json"]]:
        with FakeServer(script) as server:
            with Terminal("--keep-open", *options, server.url,
                          command=["/bin/sh", "-c", '"$@" </dev/null', "sh", PROGRAM]) as t:
                same(t.ends(), 0, f"exit code with {options}")
                if options != ["--json"]:
                    t.shows(r"^\\x1b\[31m\\u009b red$")
                for bad in [b"\x1b", b"\x07", b"\xc2\x9b"]:
                    check(bad not in t.raw, f"{bad} in {t.raw}")


@test
def lines_that_the_kernel_edits():
    """What is left in a build without libedit, and all that works in both."""
    script, queue, seen = gate()
    with FakeServer(script) as server, Terminal(server.url) as t:
        t.shows(r"^\* /help lists")
        t.enter("hello")
        queue.append(("message \x1b[31m",))
        t.shows(r"^< message \\x1b\[31m$")
        t.enter("/ping")
        t.shows(r"^\* pong after")
        t.enter("/binary raw")
        if os.environ.get("WEBSOCK_LIBEDIT") == "no":  # which takes no such octets
            t.enter(b"/close 4000 caf\xe9")
            t.shows("^! a close reason is to be valid UTF-8")
        t.enter("/close 4000 bye")
        same(t.ends(), 0, "exit code")
        same([f for f in seen if f[0] != 0x89],
             [(0x81, b"hello"), (0x82, b"raw"), (0x88, b"\x0f\xa0bye")], "frames")
    with FakeServer(gate()[0]) as server, Terminal(server.url) as t:
        t.shows(r"^\* /help lists")
        t.type(CONTROL_D)
        same(t.ends(), 0, "exit code")


if os.environ.get("WEBSOCK_LIBEDIT") == "no" and len(sys.argv) < 3:
    sys.argv += ["lines_that_the_kernel_edits", "scripts_at_a_terminal_are_safe_too",
                 "failure_to_connect"]
run_tests()
