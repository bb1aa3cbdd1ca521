# SPDX-License-Identifier: MIT
"""What the tests of the program share: TAP, a server process, a small client of our own.

The client is deliberately simple and checks nothing that a test does not ask for. The program is
the first argument of each test script.
"""
import base64
import hashlib
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import surroundings  # noqa: F401: for what it takes away

PATIENCE = float(os.environ.get("PATIENCE", "30"))  # seconds until a wait is a failure; sanitizers are slow
PROGRAM = os.path.abspath(sys.argv[1])

# Where nohup runs the tests, or a shell in the background, the programs would ignore them, too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

_tests = []


class Skip(Exception):
    """Raised by a test that cannot be run here."""


def test(function):
    _tests.append(function)
    return function


def run_tests():
    names = sys.argv[2:]
    chosen = [t for t in _tests if not names or t.__name__ in names]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    for i, function in enumerate(chosen, 1):
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok {i} - {name}", flush=True)
        except Skip as why:
            print(f"ok {i} - {name} # SKIP {why}", flush=True)
        except Exception:  # noqa: BLE001: whatever it is, the other tests go on
            failed += 1
            print(f"not ok {i} - {name}")
            for line in traceback.format_exc().rstrip().splitlines():
                print(f"# {line}")
            sys.stdout.flush()
    sys.exit(1 if failed else 0)


def same(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def websock(*args, **options):
    """Runs the program to its end."""
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, **options)


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.01)


def cpu_time(pid):
    """Seconds that a process has had."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        user, system = f.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Unread:
    """A pipe, terminal or socket that nobody reads unless a test does: a context, full at first."""

    def __init__(self, kind):
        if kind == "pipe":
            self.reader, self.writer = os.pipe()
        elif kind == "terminal":
            self.reader, self.writer = os.openpty()
        else:
            self.reader, self.writer = (s.detach() for s in socket.socketpair())
        self.kind = kind
        os.set_blocking(self.reader, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.reader)
        os.close(self.writer)

    def fill(self):
        """Until it takes no more; a terminal passes on what it took, and then takes more for a while.
        Not by O_NONBLOCK on what the program has, too."""
        full = 0
        while full < (5 if self.kind == "terminal" else 1):
            full = 0 if self.fill_once() else full + 1
            time.sleep(0.1 if self.kind == "terminal" else 0)

    def fill_once(self):
        """How many octets went."""
        n = 0
        try:
            if self.kind == "socket":
                with socket.socket(fileno=os.dup(self.writer)) as s:
                    while True:
                        n += s.send(b"x" * 4096, socket.MSG_DONTWAIT)
            fd = os.open(f"/proc/self/fd/{self.writer}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            with open(fd, "wb", buffering=0) as f:
                while k := f.write(b"x" * 4096):
                    n += k
        except BlockingIOError:
            pass
        return n

    def read(self):
        """What is there."""
        text = b""
        try:
            while part := os.read(self.reader, 65536):
                text += part
        except BlockingIOError:
            pass
        return text.decode(errors="replace")


class Server:
    """"websock serve" on free ports. A context: at the end it must be gone, or ends by SIGTERM."""

    def __init__(self, *args, urls=("ws://127.0.0.1:0/ws",), banner=True, stderr=None):
        self.out_file = tempfile.NamedTemporaryFile()
        self.log_file = tempfile.NamedTemporaryFile()
        self.process = subprocess.Popen([PROGRAM, "serve", *urls, *args], stdout=self.out_file,
                                        stderr=stderr or self.log_file,
                                        stdin=subprocess.DEVNULL)
        self.banner = ""
        self.urls = []
        if banner:
            self.read_banner()

    def read_banner(self):
        wait_until(lambda: "  ends by" in self.output() or self.process.poll() is not None,
                   "the banner")
        self.banner = self.output()
        if "  ends by" not in self.banner:
            raise AssertionError(f"no banner; the log says: {self.log()}")
        self.urls = re.findall(r"listens on +(\S+)", self.banner)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        code = self.end() if self.process.poll() is None else 0
        if kind is not None or code not in (0, 3):
            print("".join(f"# log: {line}\n" for line in self.log().splitlines()), end="")
        self.log_file.close()
        self.out_file.close()
        # 3 is what clients make of it that do not answer. A sanitizer has codes of its own.
        check(kind is not None or code in (0, 3), f"the server ended with {code}")

    def end(self):
        """Not by SIGKILL: then nobody would look for leaks. The second signal cuts the drain short; it
        does not come while the leaks are looked for, when nothing takes signals any more."""
        for patience in (1, PATIENCE):
            if not re.search(r' end opened=|"event":"end"', self.log()):
                self.signal(signal.SIGTERM)
            try:
                return self.process.wait(patience)
            except subprocess.TimeoutExpired:
                pass
        self.process.kill()
        return self.process.wait()

    @staticmethod
    def _text(file):
        with open(file.name, encoding="utf-8", errors="replace") as f:
            return f.read()

    def output(self):
        return self._text(self.out_file)

    def log(self):
        return self._text(self.log_file)

    def wait_log(self, pattern):
        """The first line of the log that fits."""
        match = wait_until(lambda: re.search(f"^.*{pattern}.*$", self.log(), re.MULTILINE),
                           f"{pattern!r} in the log: {self.log()}")
        return match.group(0)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(PATIENCE)

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.wait()


def connect(url):
    """A connected socket, with TLS if the URL says so; certificates are not verified."""
    m = re.fullmatch(r"(wss?)(?:://(?:\[([^]]*)\]|([^:/]*)):(\d+)|\+unix:([^:]*):?)(/.*)?", url)
    scheme, v6, host, port, path, _ = m.groups()
    if path is not None:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(PATIENCE)
        s.connect(path)
    else:
        s = socket.create_connection((v6 or host, int(port)), PATIENCE)
    if scheme == "wss":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        s = context.wrap_socket(s, server_hostname="localhost")
    return s


def path_of(url):
    m = re.fullmatch(r"wss?(?:://[^/]*|\+unix:[^:]*:?)(/.*)?", url)
    return m.group(1) or "/"


def http(url, request):
    """Sends the octets of a request; returns status, fields (lower case) and body."""
    with connect(url) as s:
        s.sendall(request)
        answer = b""
        while True:
            part = s.recv(65536)
            if not part:
                break
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    return int(lines[0].split()[1]) if lines[0] else 0, fields, body


def get(url, target, method="GET", host="localhost"):
    return http(url, f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


def flood(url):
    """A handshake and 100 KB of messages in one piece, from who is gone before an answer comes."""
    request = ("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    with connect(url) as s:
        s.sendall(request.encode() + 100 * (b"\x82\xfe\x03\xe8" + bytes(1004)))


class Client:
    """An open WebSocket connection."""

    def __init__(self, url, fields=(), target=None, receive_buffer=None):
        self.socket = connect(url)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.input = b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {target or path_of(url)} HTTP/1.1", "Host: localhost", "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
                 *fields]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self.input:
            part = self.socket.recv(65536)
            check(part, f"connection ended in the handshake: {self.input!r}")
            self.input += part
        head, _, self.input = self.input.partition(b"\r\n\r\n")
        self.head = head.decode("latin-1")
        check(self.head.startswith("HTTP/1.1 101 "), self.head)
        wanted = base64.b64encode(hashlib.sha1(
            (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        check(f"sec-websocket-accept: {wanted}".lower() in self.head.lower(), self.head)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data, opcode=None):
        if opcode is None:
            opcode = 1 if isinstance(data, str) else 2
        payload = data.encode() if isinstance(data, str) else data
        n = len(payload)
        head = bytes([0x80 | opcode])
        if n < 126:
            head += bytes([0x80 | n])
        elif n < 65536:
            head += b"\xfe" + struct.pack(">H", n)
        else:
            head += b"\xff" + struct.pack(">Q", n)
        key = os.urandom(4)
        mask = (key * (n // 4 + 1))[:n]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(n, "big")
        self.socket.sendall(head + key + masked)

    def close(self, code=1000, reason=""):
        self.send(struct.pack(">H", code) + reason.encode(), 8)

    def _take(self, n):
        while len(self.input) < n:
            part = self.socket.recv(1 << 20)
            check(part, "connection ended within a frame" if self.input else "connection ended")
            self.input += part
        taken, self.input = self.input[:n], self.input[n:]
        return taken

    def frame(self):
        """(opcode, payload) of the next frame."""
        first, second = self._take(2)
        n = second & 0x7F
        if n == 126:
            n, = struct.unpack(">H", self._take(2))
        elif n == 127:
            n, = struct.unpack(">Q", self._take(8))
        same(second & 0x80, 0, "mask bit of a server's frame")
        check(first & 0x80, "the server sent a fragment")
        return first & 0x0F, self._take(n)

    def message(self):
        opcode, payload = self.frame()
        check(opcode in (1, 2), f"opcode {opcode}, {payload!r} instead of a message")
        return payload.decode() if opcode == 1 else payload

    def close_code(self):
        """Of the close frame that must come next."""
        opcode, payload = self.frame()
        same(opcode, 8, "opcode")
        return struct.unpack(">H", payload[:2])[0]

    def at_end(self):
        """True if the server ended the connection."""
        self.socket.settimeout(PATIENCE)
        try:
            return self.input == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def make_certificate(folder, name, common_name="localhost"):
    """A key and a certificate by openssl(1); returns their paths and the certificate in DER."""
    key, cert = os.path.join(folder, f"{name}.key"), os.path.join(folder, f"{name}.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={common_name}", "-addext",
         f"subjectAltName=DNS:{common_name}", "-keyout", key, "-out", cert],
        check=True, capture_output=True, timeout=PATIENCE)
    with open(cert, encoding="ascii") as f:
        return key, cert, ssl.PEM_cert_to_DER_cert(f.read())
