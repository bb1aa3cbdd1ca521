#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""curl's requests to "websock serve": the upgrade, the page, and all that is refused.
FILE WEBSOCK IO SCHEME
"""
import base64
import hashlib
import os
import shutil
import subprocess

from harness import (IO, PATIENCE, SCHEME, Server, Skip, certificate, equal, missing_backend, note,
                     run_tests, skip_all, test)

CURL = shutil.which("curl") or skip_all("curl is not installed")
if why := missing_backend():
    skip_all(why)

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# So long a connection is left open for the answer to an upgrade.
OPEN_SECONDS = 1.5 * PATIENCE
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")


class Answer:
    def __init__(self, output, code):
        head, _, self.body = output.partition(b"\r\n\r\n")
        self.curl = code
        self.head = head.decode("latin-1")
        lines = self.head.split("\r\n")
        self.version, _, rest = lines[0].partition(" ")
        self.status = int(rest[:3] or 0)
        self.reason = rest[4:]
        self.fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.fields.setdefault(name.lower(), []).append(value.strip())

    def field(self, name):
        return ", ".join(self.fields.get(name.lower(), []))


def curl(server, path, headers=(), *more, until_closed=True):
    """curl ends by itself only when the server ends the connection."""
    web = server.url.replace("ws", "http", 1).removesuffix("/ws")
    seconds = 10 * PATIENCE if until_closed else OPEN_SECONDS
    command = [CURL, "-s", "-i", "-N", "--http1.1", "--max-time", str(seconds)]
    if SCHEME == "wss":
        command += ["--cacert", certificate()[0]]
    for h in headers:
        command += ["-H", h]
    done = subprocess.run([*command, *more, web + path], capture_output=True)
    answer = Answer(done.stdout, done.returncode)
    if until_closed:
        equal(done.returncode, 0, f"curl's exit code ({done.stderr!r}; 28: the connection was not closed)")
    return answer


def new_key():
    return base64.b64encode(os.urandom(16)).decode()


def refused(answer, status):
    equal(answer.status, status, "status")
    equal(answer.version, "HTTP/1.1", "version")
    # RFC 9110 7.8: an Upgrade field is one that Connection names too.
    wanted = {"close", "upgrade"} if answer.field("Upgrade") else {"close"}
    equal(set(answer.field("Connection").lower().split(", ")), wanted, "Connection")
    equal(answer.field("Content-Length"), str(len(answer.body)), "Content-Length")
    assert answer.field("Content-Type").startswith("text/plain"), answer.head
    assert len(answer.body) > 2 and answer.body.isascii(), f"no word on why: {answer.body!r}"
    assert answer.reason, "no reason phrase"
    equal(answer.field("Sec-WebSocket-Accept"), "", "Sec-WebSocket-Accept")


SERVER = Server("--subprotocol", "chat", "--origin", "https://example.org")


@test
def upgrade():
    """The upgrade gets 101, and the right Sec-WebSocket-Accept"""
    for key in (new_key(), "dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA=="):
        a = curl(SERVER, "/ws", [*UPGRADE, f"Sec-WebSocket-Key: {key}"], until_closed=False)
        equal((a.status, a.reason), (101, "Switching Protocols"), "status")
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        equal(a.field("Sec-WebSocket-Accept"), accept, "Sec-WebSocket-Accept")
        equal(a.field("Upgrade").lower(), "websocket", "Upgrade")
        equal(a.field("Connection").lower(), "upgrade", "Connection")
        for name in ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Content-Length",
                     "Transfer-Encoding"):
            equal(a.field(name), "", name)
        equal(a.body, b"", "octets behind the response")


@test
def upgrade_with_everything():
    """Lists in any case, a subprotocol, an extension, an origin, repeated fields"""
    a = curl(SERVER, "/ws", [
        "Connection: keep-alive", "Connection: foo, UPGRADE", "Upgrade: h2c, WebSocket",
        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {new_key()}", "Origin: https://example.org",
        "Sec-WebSocket-Protocol: other", "Sec-WebSocket-Protocol: chat",
        "Sec-WebSocket-Extensions: x-unknown; a=\"b\", permessage-deflate; client_max_window_bits"],
             until_closed=False)
    equal(a.status, 101, a.head)
    equal(a.field("Sec-WebSocket-Protocol"), "chat", "subprotocol")
    assert a.field("Sec-WebSocket-Extensions").startswith("permessage-deflate"), a.head


@test
def the_page():
    """GET / is the page, complete in itself; HEAD / the same without it"""
    a = curl(SERVER, "/")
    equal(a.status, 200, "status")
    assert a.field("Content-Type").lower().replace(" ", "") == "text/html;charset=utf-8", a.head
    equal(a.field("Content-Length"), str(len(a.body)), "Content-Length")
    equal(a.field("Connection").lower(), "close", "Connection")
    text = a.body.decode()
    assert "</html>" in text and "WebSocket(" in text
    for outside in ("src=\"http", "href=\"http", "src=\"/", "@import", "url(http"):
        assert outside not in text, f"the page needs {outside}"
    h = curl(SERVER, "/", (), "--head")
    equal(h.status, 200, "status of HEAD")
    equal(h.body, b"", "the body of HEAD")
    equal(h.fields, a.fields, "the fields of HEAD")


@test
def refusals():
    """Each bad request gets its status, a word on why, and the end of the connection"""
    good = [*UPGRADE, f"Sec-WebSocket-Key: {new_key()}"]

    def but(name, *values):
        return [h for h in good if not h.lower().startswith(name.lower() + ":")] + list(values)

    trials = [
        ("no key", 400, "/ws", but("Sec-WebSocket-Key")),
        ("an empty key", 400, "/ws", but("Sec-WebSocket-Key", "Sec-WebSocket-Key;")),
        ("a short key", 400, "/ws", but("Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAA")),
        ("two keys", 400, "/ws", [*good, f"Sec-WebSocket-Key: {new_key()}"]),
        ("no version", 400, "/ws", but("Sec-WebSocket-Version")),
        ("version 8", 426, "/ws", but("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8")),
        ("version 14", 426, "/ws", but("Sec-WebSocket-Version", "Sec-WebSocket-Version: 14")),
        ("no Upgrade", 426, "/ws", but("Upgrade")),
        ("no upgrade at all", 426, "/ws", []),
        ("Upgrade: h2c", 426, "/ws", but("Upgrade", "Upgrade: h2c")),
        ("another origin", 403, "/ws", [*good, "Origin: https://attacker.example"]),
        ("no such path", 404, "/other", good),
        ("no such page", 404, "/index.html", []),
        ("a long field", 431, "/ws", [*good, "X-Long: " + "x" * 9000]),
        ("many fields", 431, "/ws", [*good, *[f"X-{i}: 1" for i in range(200)]]),
    ]
    for what, status, path, headers in trials:
        try:
            a = curl(SERVER, path, headers)
            refused(a, status)
            if status == 426:
                equal(a.field("Sec-WebSocket-Version"), "13", "the version that is spoken")
                equal(a.field("Upgrade").lower(), "websocket", "Upgrade")
        except AssertionError as e:
            raise AssertionError(f"{what}: {e}") from e


@test
def methods():
    """Other methods get 405 and Allow, or 400; a body is not read as a request"""
    good = [*UPGRADE, f"Sec-WebSocket-Key: {new_key()}"]
    for path, headers in (("/ws", good), ("/", [])):
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            a = curl(SERVER, path, headers, "-X", method)
            refused(a, 405)
            assert "GET" in a.field("Allow"), a.head
    a = curl(SERVER, "/ws", good, "-X", "GET", "--data", "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    refused(a, 400)
    equal(a.body.count(b"HTTP/1.1"), 0, "responses behind the first one")


@test
def http10():
    """HTTP/1.0 cannot upgrade"""
    a = curl(SERVER, "/ws", [*UPGRADE, f"Sec-WebSocket-Key: {new_key()}"], "--http1.0", "--no-alpn")
    assert a.status in (400, 426, 505), a.head
    equal(a.field("Sec-WebSocket-Accept"), "", "Sec-WebSocket-Accept")


@test
def alpn():
    """TLS without a common application protocol is refused in the TLS handshake"""
    if SCHEME != "wss":
        raise Skip("only TLS has ALPN")
    web = f"https://127.0.0.1:{SERVER.port}/"
    done = subprocess.run([CURL, "-s", "-i", "--http1.0", "--cacert", certificate()[0], web],
                          capture_output=True)
    equal((done.returncode, done.stdout), (35, b""), "curl's exit code (35: TLS failed) and output")


@test
def no_page():
    """--no-page: GET / is refused"""
    server = Server("--no-page")
    refused(curl(server, "/"), 404)
    server.stop()


@test
def ends():
    """The server ends in order"""
    SERVER.stop()


version = subprocess.run([CURL, "--version"], capture_output=True, text=True).stdout.split("\n")[0]
note(f"{version}, {IO}, {SCHEME}")
run_tests()
