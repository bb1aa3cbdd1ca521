# SPDX-License-Identifier: MIT
"""What the tests of "websock connect" share: running it, and a server that does as a test says."""
import base64
import hashlib
import json
import os
import re
import socket
import struct
import subprocess
import tempfile
import threading

from cli_harness import PATIENCE, PROGRAM, check


def connect(*args, stdin=b"", env=None):
    """Runs "websock connect" to its end, without a terminal; stdin None: it stays open and empty."""
    options = {"input": stdin}
    reader = None
    if stdin is None:
        reader, writer = os.pipe()
        options = {"stdin": reader}
    try:
        return subprocess.run([PROGRAM, "connect", *args], capture_output=True, timeout=PATIENCE,
                              env={**os.environ, **(env or {})}, check=False, start_new_session=True,
                              **options)
    finally:
        if reader is not None:
            os.close(reader)
            os.close(writer)


def start(*args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE):
    return subprocess.Popen([PROGRAM, "connect", *args], stdin=stdin, stdout=stdout,
                            stderr=stderr)


def events(output):
    """The lines of --json."""
    return [json.loads(line) for line in output.decode().splitlines()]


def one_line(stderr, *words):
    text = stderr.decode()
    check(text.count("\n") == 1, f"not one line: {text!r}")
    check(text.startswith("websock connect: "), text)
    for word in words:
        check(word in text, f"{word!r} is missing in {text!r}")


class Peer:
    """The server's end of one connection, which checks nothing that a test does not ask for."""

    def __init__(self, s):
        self.socket = s
        self.input = b""
        while b"\r\n\r\n" not in self.input:
            part = s.recv(65536)
            check(part, f"no request: {self.input!r}")
            self.input += part
        self.head, _, self.input = self.input.partition(b"\r\n\r\n")
        self.head = self.head.decode("latin-1")

    def field(self, name):
        m = re.search(rf"^{name}: *(.*?)\r?$", self.head, re.MULTILINE | re.IGNORECASE)
        return m.group(1) if m else None

    def answer(self, text):
        """An HTTP answer; each line feed becomes CR LF."""
        self.socket.sendall(text.replace("\n", "\r\n").encode("latin-1"))

    def accept(self, *fields):
        key = self.field("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        digest = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.answer("\n".join(["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket",
                               "Connection: Upgrade", f"Sec-WebSocket-Accept: {digest}", *fields,
                               "", ""]))

    def send(self, data, opcode=None, first=0x80):
        if opcode is None:
            opcode = 1 if isinstance(data, str) else 2
        payload = data.encode() if isinstance(data, str) else data
        n = len(payload)
        if n < 126:
            head = bytes([first | opcode, n])
        elif n < 65536:
            head = struct.pack(">BBH", first | opcode, 126, n)
        else:
            head = struct.pack(">BBQ", first | opcode, 127, n)
        self.socket.sendall(head + payload)

    def close(self, code=1000, reason=b""):
        self.send(struct.pack(">H", code) + reason, 8)

    def take(self, n):
        while len(self.input) < n:
            part = self.socket.recv(1 << 20)
            if not part:
                raise EOFError(f"{len(self.input)} of {n} octets")
            self.input += part
        taken, self.input = self.input[:n], self.input[n:]
        return taken

    def frame(self):
        """(first octet, unmasked payload) of the next frame."""
        first, second = self.take(2)
        n = second & 0x7F
        check(second & 0x80, "the client did not mask")
        if n == 126:
            n, = struct.unpack(">H", self.take(2))
        elif n == 127:
            n, = struct.unpack(">Q", self.take(8))
        key = self.take(4)
        mask = (key * (n // 4 + 1))[:n]
        octets = int.from_bytes(self.take(n), "big") ^ int.from_bytes(mask, "big")
        return first, octets.to_bytes(n, "big")

    def close_code(self):
        """Of the close frame, past whatever comes before it; 1005 if it has none."""
        while True:
            first, payload = self.frame()
            if first & 15 == 8:
                return struct.unpack(">H", payload[:2])[0] if payload else 1005


class FakeServer:
    """Calls script(peer) for each connection, one after the other, with the request read."""

    def __init__(self, script, unix=False):
        self.failure = None
        self.script = script
        self.connections = 0
        self.folder = tempfile.TemporaryDirectory() if unix else None
        if unix:
            path = os.path.join(self.folder.name, "socket")
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.path = path
        else:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
            self.url = f"ws://127.0.0.1:{self.port}/ws"
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            s.settimeout(PATIENCE)
            with s:
                try:
                    self.script(Peer(s))
                except Exception as why:  # noqa: BLE001: told by __exit__
                    self.failure = self.failure or why

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)
        if self.folder:
            self.folder.cleanup()
        if kind is None and self.failure is not None:
            raise AssertionError(f"the server: {self.failure!r}")
