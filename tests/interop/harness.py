# SPDX-License-Identifier: MIT
"""What the tests in Python share: a server to talk to, sockets, results as TAP.

It knows no WebSocket client. FILE WEBSOCK [IO [SCHEME]], as meson.build gives them.
"""
import asyncio
import atexit
import inspect
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import surroundings  # noqa: F401: for what it takes away

WEBSOCK = sys.argv[1]
IO = sys.argv[2] if len(sys.argv) > 2 else "auto"
SCHEME = sys.argv[3] if len(sys.argv) > 3 else "ws"
PATIENCE = float(os.environ.get("INTEROP_PATIENCE", "1"))
SANITIZED = "INTEROP_SANITIZED" in os.environ
FOLDER = tempfile.mkdtemp(prefix="websock-interop-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

# ---------------------------------------------------------------------------------- certificate


def certificate():
    """Files of a certificate that clients can verify, and of its key."""
    cert, key = os.path.join(FOLDER, "cert.pem"), os.path.join(FOLDER, "key.pem")
    if not os.path.exists(cert):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True, capture_output=True)
    return cert, key


def client_context():
    return ssl.create_default_context(cafile=certificate()[0])


# --------------------------------------------------------------------------------------- server


class Server:
    """websock serve, until stop(): .url, .urls, .port, .banner, .log."""

    latest = None

    def __init__(self, *args, io=None, scheme=None, urls=None, command=()):
        scheme = scheme or SCHEME
        line = [*command, WEBSOCK, "serve", "--io", io or IO]
        if scheme.startswith("wss"):
            cert, key = certificate()
            line += ["--tls-cert", cert, "--tls-key", key]
        line += [*args, *(urls or [f"{scheme}://127.0.0.1:0/ws"])]
        self.log = ""
        self.banner = ""
        self.process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace")
        atexit.register(self.kill)
        Server.latest = self
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        for text in self.process.stdout:
            self.banner += text
            if "ends by" in text:
                break
        else:
            self.process.wait()
            self.reader.join()
            raise AssertionError(f"the server did not start: {self.process.returncode} {self.log}")
        self.urls = re.findall(r"listens on +(\S+)", self.banner)
        self.url = self.urls[0]
        found = re.search(r":(\d+)/", self.url)
        self.port = int(found.group(1)) if found else None

    def read_log(self):
        for text in self.process.stderr:
            self.log = (self.log + text)[-20000:]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self, seconds=15):
        """Its exit code."""
        code = self.process.wait(seconds * PATIENCE)
        self.reader.join(5)
        return code

    def stop(self, wanted=0):
        self.signal()
        equal(self.wait(), wanted, "the exit code of the server")

    async def astop(self, wanted=0):
        await asyncio.get_running_loop().run_in_executor(None, self.stop, wanted)


def missing_backend():
    """Why the backend that the test is for cannot be tried here, or None. "client-uring" is that of
    our client."""
    if not IO.endswith("uring"):
        return None
    server = Server(io="auto", scheme="ws")
    server.stop()
    return None if "io_uring" in server.banner else "the kernel or the build has no io_uring"


# ------------------------------------------------------------------------- our client, judged


def judged_client(judge_options, client_options, io):
    """"websock connect --testee" against "websock test --serve": the TAP, and the exit codes of the
    judge and of the client. A judge to which the client never came has None."""
    line = [WEBSOCK, "test", "--serve", f"{SCHEME}://127.0.0.1:0", "--then-exit", "--tap",
            *judge_options]
    trust = []
    if SCHEME == "wss":
        cert, key = certificate()
        line += ["--cert", cert, "--key", key]
        trust = ["--insecure"]
    judge = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    tap = []
    threads = [threading.Thread(target=lambda: tap.append(judge.stdout.read()))]
    threads[0].start()
    url = None
    for text in judge.stderr:
        if f"at {SCHEME}://" in text:
            url = text.split(" at ")[1].split(",")[0].strip()
        if text.startswith("Ok, will run"):
            break
    threads.append(threading.Thread(target=judge.stderr.read))
    threads[1].start()
    client = subprocess.run([WEBSOCK, "connect", "--testee", "--io", io, *client_options, *trust,
                             url], capture_output=True, text=True)
    try:
        code = judge.wait(60 * PATIENCE)
    except subprocess.TimeoutExpired:
        judge.terminate()
        judge.wait()
        code = None
    for thread in threads:
        thread.join()
    notes = [*client.stderr.splitlines()[-5:], f"the client ended with {client.returncode}"]
    return tap[0] + "".join(f"# {text}\n" for text in notes), code, client.returncode


# ------------------------------------------------------------------------------ raw connections


def dial(server, timeout=10):
    """A socket to the server, with TLS if its URL says so."""
    s = socket.create_connection(("127.0.0.1", server.port), timeout * PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if server.url.startswith("wss"):
        s = client_context().wrap_socket(s, server_hostname="127.0.0.1")
    return s


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise AssertionError(f"the input ended after {data.hex()}")
        data += more
    return data


def read_head(s):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += read_exactly(s, 1)
    return data.decode("latin-1")


def read_to_end(s):
    data = b""
    while True:
        more = s.recv(65536)
        if not more:
            return data
        data += more


# ------------------------------------------------------------------------------ results, as TAP

TESTS = []


class Skip(Exception):
    pass


def test(function):
    """The docstring is the name."""
    TESTS.append((" ".join(function.__doc__.split()), function))
    return function


def add(name, function, *args, **more):
    TESTS.append((name, lambda: function(*args, **more)))


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def note(text):
    print("\n".join(f"# {line}" for line in str(text).split("\n")), flush=True)


def equal(got, wanted, what):
    if got != wanted:
        show = lambda v: repr(v if not isinstance(v, (str, bytes)) or len(v) < 200 else v[:200])
        raise AssertionError(f"{what}: {show(got)} instead of {show(wanted)}")


def run_tests(limit=60):
    failed = 0
    print(f"1..{len(TESTS)}", flush=True)
    for i, (name, function) in enumerate(TESTS, 1):
        began = time.monotonic()
        try:
            result = function()
            if inspect.isawaitable(result):
                asyncio.run(asyncio.wait_for(result, limit * PATIENCE))
            print(f"ok {i} - {name}", flush=True)
        except Skip as e:
            print(f"ok {i} - {name} # SKIP {e}", flush=True)
        except Exception:  # whatever it is: it is a failed test
            failed += 1
            print(f"not ok {i} - {name}")
            note(traceback.format_exc().strip())
            if Server.latest:
                note("the end of the server's log:\n" + Server.latest.log[-2000:])
        took = time.monotonic() - began
        if took > 1:
            note(f"took {took:.1f} s")
    sys.exit(1 if failed else 0)
