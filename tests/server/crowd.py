#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A crowd of mixed manners against "websock serve": crowd.py TEST WEBSOCK IO [SECONDS [CLIENTS]]

soak     chatty, silent and abusive clients for SECONDS; meanwhile an ordinary client, a process
         of its own, is answered; then memory, descriptors and CPU of the server are where they
         were before, and it ends in order.
workers  four workers, broadcasting to each other, while clients come and go and SIGHUP has the
         certificates made anew; SIGTERM in the middle of it drains. For builds that look at
         threads and memory: a report of a sanitizer fails the test.

The clients write their octets themselves, so that they can write wrong ones. Prints TAP.

They are many in one slow process, which a busy machine may starve. So time passes for them only
while they run (Crowd.now), they pause longer the later they are, and whoever was kept from
answering until a deadline of the server's was over is counted apart. What the server owes to
clients that are not late, the ordinary one sees.
"""
import asyncio
import base64
import collections
import json
import logging
import os
import random
import re
import resource
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

SANITIZED = "INTEROP_SANITIZED" in os.environ
WATCHED = "WSK_TEST_VALGRIND" in os.environ  # too slow for each manner to have its turn
# Sanitizers make everything slower, and so do other tests on the same processors.
PATIENCE = float(os.environ.get("INTEROP_PATIENCE", "1"))
LATE = 30 * PATIENCE
MAX_MESSAGE = 1 << 20
# What allocators and OpenSSL keep after the first connections, and from then on.
RSS_FIRST = 32 << 20
RSS_LATER = 8 << 20

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
REQUEST = (b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
           b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: %s\r\n%s\r\n")


def expect(condition, words, *args):
    if not condition:
        raise AssertionError(words % args)


# ------------------------------------------------------------------------------------- server


class Server:
    def __init__(self, websock, io, *options, certificate=None, environment=None):
        self.log = tempfile.TemporaryFile()
        self.child = subprocess.Popen(
            [websock, "serve", "--io", io, "--log-level", "info", *options,
             *(["--tls-cert", certificate] if certificate else ["--tls-self-signed"]),
             "ws://127.0.0.1:0/ws", "wss://127.0.0.1:0/ws"],
            stdout=subprocess.PIPE, stderr=self.log, env=environment)
        self.ports = {}
        while len(self.ports) < 2:
            line = self.child.stdout.readline().decode()
            m = re.search(r"(wss?)://127\.0\.0\.1:(\d+)/", line)
            if m is not None and "listens on" in line:
                self.ports[m[1]] = int(m[2])
            expect(line, "the server did not start: %s", self.words())
        self.plain, self.tls = self.ports["ws"], self.ports["wss"]

    def words(self):
        # Not by seek(): the server writes at the offset that they share.
        fd = self.log.fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")

    def words_about(self, client):
        port = client and client.port
        return "\n".join(line for line in self.words().split("\n") if ":%s " % port in line)

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.child.pid))

    def rss(self, name="VmRSS"):
        with open("/proc/%d/status" % self.child.pid) as f:
            return int(re.search(name + r":\s+(\d+)", f.read())[1]) * 1024

    def cpu(self):
        """Seconds of CPU time so far."""
        with open("/proc/%d/stat" % self.child.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        print("# " + self.words()[-3000:].replace("\n", "\n# "))
        self.child.kill()
        self.child.wait()

    def end(self, sent=False):
        if not sent:
            self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(LATE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("it did not end after SIGTERM: " + self.words())
        words = self.words()
        expect(not re.search("Sanitizer|runtime error", words), "a report: %s", words)
        expect(code == 0, "exit code %d: %s", code, words)
        return words


def skip_without(websock, io):
    """Ends here, in order, where the kernel or the build has no such backend."""
    try:
        Server(websock, io).end()
    except AssertionError as e:
        if "--io uring: not supported" not in str(e):
            raise
        print("1..0 # SKIP the kernel or the build has no io_uring")
        sys.exit(0)


# ------------------------------------------------------------------------------------- client


def masked(data, key):
    if len(data) == 0:
        return data
    n = len(data)
    whole = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(n, "big")


def frame(opcode, data=b"", fin=True, rsv=0):
    n = len(data)
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    if n < 126:
        head = struct.pack(">BB", first, 0x80 | n)
    elif n < 65536:
        head = struct.pack(">BBH", first, 0xFE, n)
    else:
        head = struct.pack(">BBQ", first, 0xFF, n)
    key = random.randbytes(4)
    return head + key + masked(data, key)


def a_message():
    """Opcode and data; mostly small, now and then large."""
    n = random.choice((0, 1, 7, 125, 126, 127, 1000, 1000, 4096, 65535, 65536))
    if random.random() < 0.01:
        n = random.randrange(MAX_MESSAGE)
    if random.random() < 0.5:
        return BINARY, random.randbytes(n)
    return TEXT, ("κόσμε €😀 " * (n // 10 + 1)).encode()[:n].decode(errors="ignore").encode()


class Client:
    """One connection; the methods fail with AssertionError or ConnectionError."""

    def __init__(self, crowd, sock, reader, writer):
        self.crowd, self.sock, self.reader, self.writer = crowd, sock, reader, writer
        self.port = sock.getsockname()[1]
        self.behind = crowd.behind

    async def shake(self, fields=b""):
        self.writer.write(REQUEST % (base64.b64encode(random.randbytes(16)), fields))
        head = await self.until(self.reader.readuntil(b"\r\n\r\n"))
        expect(head.startswith(b"HTTP/1.1 101 "), "no 101: %r", head)
        return head

    async def until(self, awaitable):
        crowd, task = self.crowd, asyncio.ensure_future(awaitable)
        end = crowd.now + crowd.late
        try:
            while not task.done():
                await asyncio.wait((task,), timeout=max(0.1, end - crowd.now))
                expect(task.done() or crowd.now < end, "the server says nothing for %g s",
                       crowd.late)
            return task.result()
        finally:
            task.cancel()

    async def send(self, *args, **named):
        self.writer.write(frame(*args, **named))
        await self.until(self.writer.drain())

    async def receive(self, two=None):
        """First octet and data of a frame, whose first two octets may have been read already."""
        async def all_of_it():
            a, b = two or await self.reader.readexactly(2)
            expect(b < 0x80, "a masked frame from a server")
            n = b
            if b == 126:
                n, = struct.unpack(">H", await self.reader.readexactly(2))
            elif b == 127:
                n, = struct.unpack(">Q", await self.reader.readexactly(8))
            return a, await self.reader.readexactly(n)
        return await self.until(all_of_it())

    async def receive_data(self):
        """The next frame that is no ping (which is answered)."""
        while True:
            first, data = await self.receive()
            if first != 0x80 | PING:
                return first, data
            # Without drain(): the end of the connection may stand behind what is still to be read.
            self.writer.write(frame(PONG, data))

    async def expect_echo(self, first, data):
        while True:
            got = await self.receive_data()
            if got == (first, data):
                return
            expect(self.crowd.broadcast, "sent %02x %r..., got %02x %r...", first, data[:20],
                   got[0], got[1][:20])

    async def listen(self, seconds):
        """Only answers pings, until the crowd ends."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.crowd.over:
            # Not a wait_for() around another: it may miss being cancelled.
            try:
                two = await asyncio.wait_for(self.reader.readexactly(2),
                                             min(1, end - time.monotonic()))
            except asyncio.TimeoutError:
                continue
            first, data = await self.receive(two)
            expect(first == 0x80 | PING or self.crowd.broadcast, "%02x came by itself", first)
            if first == 0x80 | PING:
                self.writer.write(frame(PONG, data))

    async def close(self, code=1000):
        await self.send(CLOSE, struct.pack(">H", code) + b"bye")
        while True:
            first, data = await self.receive()
            if first == 0x80 | CLOSE:
                break
        expect(data[:2] == struct.pack(">H", code), "close %d was answered by %r", code, data)
        await self.expect_end()

    async def expect_end(self):
        try:
            while await self.until(self.reader.read(65536)):
                pass
        except (ConnectionError, ssl.SSLError):
            pass

    def reset(self):
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass # the server has ended it
        self.writer.transport.abort()


# ------------------------------------------------------------------------------------ manners


async def chatty(c):
    await c.shake()
    for _ in range(random.randrange(1, 20)):
        opcode, data = a_message()
        await c.send(opcode, data)
        await c.expect_echo(0x80 | opcode, data)
        if c.crowd.over:
            break
        await c.listen(c.crowd.a_pause())
    await c.close(random.choice((1000, 1001, 3000, 4999)))


async def fragmenting(c):
    await c.shake()
    for _ in range(3):
        opcode, data = a_message()
        cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(10)))
        parts = [data[a:b] for a, b in zip([0] + cuts, cuts + [len(data)])]
        for i, part in enumerate(parts):
            await c.send(opcode if i == 0 else CONT, part, fin=i == len(parts) - 1)
            if i < len(parts) - 1:
                await c.send(PING, b"%d" % i)
        for i in range(len(parts) - 1):
            # Pongs may stand for several pings, and other clients' messages may come first.
            if c.crowd.broadcast:
                break
            first, pong = await c.receive_data()
            expect(first == 0x80 | PONG, "%02x is no pong", first)
            if pong == b"%d" % (len(parts) - 2):
                break
        await c.expect_echo(0x80 | opcode, data)
    await c.close()


async def compressing(c):
    head = await c.shake(b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    expect(b"permessage-deflate" in head, "no permessage-deflate: %r", head)
    squeeze, swell = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)
    for _ in range(random.randrange(1, 10)):
        opcode, data = a_message()
        small = squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        await c.send(opcode, small[:-4], rsv=4)
        while True:
            first, echo = await c.receive_data()
            if first & 0x40:
                echo = swell.decompress(echo + b"\0\0\xff\xff")
            if first & 0x8F == 0x80 | opcode and echo == data:
                break
            expect(c.crowd.broadcast, "sent %d octets, got %02x and %d", len(data), first,
                   len(echo))
    await c.close()


async def idle(c):
    """Only answers pings, then closes or just goes."""
    await c.shake()
    await c.listen(random.random() * 4)
    if random.random() < 0.5:
        await c.close()


async def mute(c):
    """Does not answer pings: it is dropped."""
    await c.shake()
    await c.expect_end()


async def impatient(c):
    """Sends its frames behind the request without waiting."""
    c.writer.write(REQUEST % (base64.b64encode(bytes(16)), b"") + frame(TEXT, b"early"))
    head = await c.until(c.reader.readuntil(b"\r\n\r\n"))
    expect(head.startswith(b"HTTP/1.1 101 "), "no 101: %r", head)
    await c.expect_echo(0x81, b"early")
    c.writer.write(frame(CLOSE))
    await c.expect_end()


BAD_FRAMES = (
    (1002, b"\x81\x05hello"),                               # not masked
    (1002, frame(3)), (1002, frame(11)), (1002, frame(15)), # opcodes that do not exist
    (1002, frame(TEXT, b"x", rsv=1)), (1002, frame(TEXT, b"x", rsv=4)),
    (1002, frame(PING, b"x", fin=False)), (1002, b"\x89\xfe\x00\x7e\0\0\0\0"),
    (1002, frame(CONT, b"x")), (1002, frame(TEXT, b"x", fin=False) + frame(TEXT, b"y")),
    (1002, b"\x82\xff\x80\0\0\0\0\0\0\0"),                  # a length with its top bit
    (1002, b"\x82\xfe\x00\x7d\0\0\0\0"),                    # a length in a longer form than due
    (1002, frame(CLOSE, b"\x03")), (1002, frame(CLOSE, b"\x03\xed")),
    (1007, frame(TEXT, b"\xce\xba\xff")), (1007, frame(CLOSE, b"\x03\xe8\xff")),
    (1009, b"\x82\xff\0\0\0\0\x7f\xff\xff\xff"),            # more than it takes
)


async def wrong(c):
    await c.shake()
    code, octets = random.choice(BAD_FRAMES)
    if random.random() < 0.5:
        await c.send(TEXT, b"good")
        await c.expect_echo(0x81, b"good")
    if random.random() < 0.2:
        octets += random.randbytes(random.randrange(100000))
    c.writer.write(octets)
    while True:
        first, data = await c.receive_data()
        if first == 0x80 | CLOSE:
            break
        expect(c.crowd.broadcast, "%r... was answered by %02x", octets[:20], first)
    expect(data[:2] == struct.pack(">H", code), "%r... was answered by close %r", octets[:20],
           data)
    await c.expect_end()


async def bomb(c):
    """A message that inflates to more than the server takes."""
    await c.shake(b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    squeeze = zlib.compressobj(wbits=-15)
    small = squeeze.compress(bytes(8 * MAX_MESSAGE)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    await c.send(BINARY, small[:-4], rsv=4)
    while True:
        first, data = await c.receive_data()
        if first == 0x80 | CLOSE:
            break
        expect(c.crowd.broadcast, "a bomb was answered by %02x", first)
    expect(data[:2] == struct.pack(">H", 1009), "a bomb was answered by close %r", data)
    await c.expect_end()


async def never_reading(c):
    await c.shake()
    c.writer.transport.pause_reading()
    data = frame(BINARY, bytes(65536))
    try:
        for _ in range(200):
            c.writer.write(data)
            await asyncio.wait_for(c.writer.drain(), 1)
    except asyncio.TimeoutError:
        await asyncio.sleep(random.random() * 4)
    except ConnectionError:
        pass # the server waits no longer
    c.reset()


async def resetting(c):
    moment = random.randrange(5)
    if moment == 1:
        c.writer.write(REQUEST[:random.randrange(len(REQUEST))])
    elif moment > 1:
        await c.shake()
    if moment == 3:
        c.writer.write(frame(BINARY, bytes(1000))[:random.randrange(1, 1000)])
    elif moment == 4:
        for _ in range(20):
            c.writer.write(frame(*a_message()))
    await asyncio.sleep(random.random() * 0.02)
    c.reset()


async def slow(c):
    """A head by the drop, without its end: it gets a deadline."""
    for octet in (REQUEST % (b"x" * 20, b""))[:-2]:
        c.writer.write(bytes((octet,)))
        await c.writer.drain()
        try:
            answer = await asyncio.wait_for(c.reader.read(100), 0.2)
        except asyncio.TimeoutError:
            continue
        expect(not answer or answer.startswith(b"HTTP/1.1 408 "), "answer %r", answer)
        break
    await c.expect_end()


async def slow_message(c):
    """A frame that never ends: it gets a deadline."""
    await c.shake()
    c.writer.write(b"\x82\xff\0\0\0\0\0\x0f\0\0" + bytes(random.randrange(1000)))
    await c.expect_end()


async def garbage(c):
    c.writer.write(random.choice((
        random.randbytes(random.randrange(1, 3000)) + b"\n\r\n\r\n",
        b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
        b"POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        REQUEST.replace(b"13", b"12") % (bytes(0), b""),
        REQUEST % (b"x", b""), REQUEST % (b"x", b"Big: " + b"x" * 10000 + b"\r\n"),
        b"\x16\x03\x01\x00\xa5\x01\x00\x00" + random.randbytes(200))))
    answer = await c.until(c.reader.read(100))
    expect(re.match(rb"HTTP/1\.1 (4\d\d|505) ", answer) or not answer, "answer %r", answer)
    await c.expect_end()


async def plain_http(c):
    c.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head = await c.until(c.reader.readuntil(b"\r\n\r\n"))
    expect(head.startswith(b"HTTP/1.1 200 "), "answer %r", head)
    await c.expect_end()


async def tls_garbage(c):
    """To the TLS port, without TLS."""
    c.writer.write(random.choice((
        REQUEST, random.randbytes(100), b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")))
    if random.random() < 0.5:
        await c.expect_end()
    else:
        c.reset()


# Manner, share of the clients, whether TLS is meant: None for no TLS on the TLS port.
SOAK = (
    (chatty, 20, False), (chatty, 4, True), (fragmenting, 4, False), (compressing, 8, False),
    (compressing, 2, True), (idle, 20, False), (idle, 3, True), (mute, 5, False),
    (impatient, 4, False), (wrong, 8, False), (wrong, 2, True), (bomb, 1, False),
    (never_reading, 3, False), (never_reading, 1, True), (resetting, 8, False),
    (resetting, 2, True), (slow, 4, False), (slow_message, 2, False), (garbage, 4, False),
    (plain_http, 2, False), (tls_garbage, 2, None),
)
WORKERS = (
    (chatty, 10, False), (chatty, 3, True), (compressing, 3, False), (fragmenting, 2, False),
    (idle, 5, False), (impatient, 5, False), (wrong, 3, False), (resetting, 5, False),
    (resetting, 1, True), (plain_http, 2, False), (garbage, 2, False), (tls_garbage, 1, None),
)


# -------------------------------------------------------------------------------------- crowd


# Its log of those that were dropped because they did not do their part until a deadline.
DEADLINES = re.compile(r"did not answer a ping in time|handshake took too long|"
                       r"did not take our output in time|did not answer the close frame in time|"
                       r"message took longer than the limit")


class Crowd:
    def __init__(self, server, manners, broadcast=False, late=LATE):
        self.server, self.broadcast, self.late = server, broadcast, late
        # Time as these clients have it, and how much more has passed; how late they are and were.
        self.now = self.behind = self.latest = 0.0
        self.slowness, self.starved = 1.0, 0
        self.manners = [(m, tls) for m, _, tls in manners]
        self.shares = [share for _, share, _ in manners]
        self.done, self.failures = collections.Counter(), []
        self.over = self.shutting_down = False
        self.busy = {} # task to manner
        self.due = list(self.manners) # those that nobody has had yet
        random.shuffle(self.due)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE

    def a_pause(self):
        """So that a crowd of any size makes work at the pace of these clients, which are slow."""
        return random.random() * self.n / 300 * self.slowness

    async def beat(self):
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.05)
            last, step = time.monotonic(), time.monotonic() - last
            self.now += min(step, 0.5)
            self.behind += max(0, step - 0.1)
            self.latest = max(self.latest, step - 0.05)
            if step > 0.3:
                self.slowness = min(10, self.slowness * 1.1)
            else:
                self.slowness = max(1, self.slowness * 0.995)

    def was_starved(self, c, e):
        """Kept waiting for longer than a deadline of the server's. Then the connection may be gone
        before the client has read the server's last words; who read wrong ones, is to be told so
        in the log."""
        kept = self.behind - c.behind if c is not None else 0
        gone = isinstance(e, (ConnectionError, asyncio.IncompleteReadError))
        return kept > 3 and gone or kept > 1 and DEADLINES.search(self.server.words_about(c))

    async def connect(self, manner, tls):
        port = self.server.plain if tls is False else self.server.tls
        sock = socket.socket()
        sock.setblocking(False)
        if manner is never_reading:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(
                sock=sock, ssl=self.tls if tls else None, limit=MAX_MESSAGE,
                ssl_handshake_timeout=3 * LATE if tls else None,
                server_hostname="localhost" if tls else None)
        except BaseException:
            sock.close()
            raise
        return Client(self, sock, reader, writer)

    async def one(self, manner, tls):
        name = manner.__name__ + (" TLS" if tls else "")
        c = None
        self.busy[asyncio.current_task()] = name
        try:
            c = await self.connect(manner, tls)
            await manner(c)
            self.done[name] += 1
        except asyncio.CancelledError:
            raise
        except Exception as e:
            # A server that goes closes connections at any moment.
            if self.shutting_down or self.failures:
                return
            trace = traceback.format_exc()
            if c is not None:
                c.writer.transport.abort()
            # What the server says of it may come a little later.
            await asyncio.sleep(1)
            if self.was_starved(c, e):
                self.starved += 1
                self.due.append((manner, tls))
            else:
                self.failures += ["%s, kept waiting for %.1f s: %r\n%s" % (
                    name, self.behind - c.behind if c else 0, e, trace),
                                  self.server.words_about(c)]
        finally:
            if c is not None:
                c.writer.transport.abort()

    def next_manner(self):
        """Each one first, however few clients there will be; then by their shares."""
        if self.due:
            return self.due.pop()
        return random.choices(self.manners, self.shares)[0]

    def missing(self):
        """Which manners none was through with yet."""
        names = [m.__name__ + (" TLS" if tls else "") for m, tls in self.manners]
        return [name for name in names if not self.done[name]]

    async def client(self, delay):
        await asyncio.sleep(delay)
        while not self.over and not self.failures:
            await self.one(*self.next_manner())
            end = time.monotonic() + self.a_pause()
            while time.monotonic() < end and not self.over:
                await asyncio.sleep(min(1, max(0, end - time.monotonic())))

    async def everyone_was_there(self):
        """However slow they are; report() says who was not."""
        end = time.monotonic() + LATE
        while self.missing() and not (self.failures or WATCHED) and time.monotonic() < end:
            await asyncio.sleep(0.05)

    async def run(self, seconds, n, until=asyncio.sleep):
        self.over, self.n = False, n
        beat = asyncio.create_task(self.beat())
        tasks = [asyncio.create_task(self.client(i / n * seconds / 4)) for i in range(n)]
        try:
            await until(seconds)
            self.over, late, end = True, tasks, self.now + 3 * self.late
            while late and self.now < end:
                _, late = await asyncio.wait(late, timeout=1)
            expect(not late, "%d clients hang: %s", len(late),
                   ", ".join(self.busy.get(t, "?") for t in late))
        finally:
            for t in tasks:
                t.cancel()
            beat.cancel()
        expect(not self.failures, "%s", "\n".join(self.failures))

    def report(self):
        print("# %d connections: %s" % (sum(self.done.values()), ", ".join(
            "%s %d" % pair for pair in sorted(self.done.items()))))
        print("# clients were up to %.1f s late; %d missed a deadline for it" % (
            self.latest, self.starved))
        # None starved where twenty threads shared two processors; thousands load the machine.
        most = sum(self.done.values()) / 50
        expect(self.starved <= most, "%d clients starved, of %.0f at the most", self.starved, most)
        expect(WATCHED or not self.missing(), "no client was %s", ", ".join(self.missing()))


# --------------------------------------------------------------------------- an ordinary client


def ordinary(plain, tls):
    """Connects, gets an echo and closes, in turn without and with TLS, until stdin ends; then tells
    how long each took, in seconds, and what went wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    took, failures = [], []
    done, i = False, 0
    while not done:
        began, i = time.monotonic(), i + 1
        try:
            with socket.create_connection(("127.0.0.1", tls if i % 2 else plain), LATE) as s:
                if i % 2:
                    s = context.wrap_socket(s)
                answer_ordinary(s)
                s.close()
            took.append(time.monotonic() - began)
        except (OSError, AssertionError) as e:
            failures.append("%r after %.1f s" % (e, time.monotonic() - began))
        done = bool(select.select([sys.stdin], [], [], max(0, began + 0.5 - time.monotonic()))[0])
    print(json.dumps([took, failures]))


def answer_ordinary(s):
    def read(want):
        got = b""
        while len(got) < len(want):
            octets = s.recv(len(want) - len(got))
            expect(octets, "the end behind %r", got)
            got += octets
        expect(got == want, "%r, not %r", got, want)

    s.sendall(REQUEST % (base64.b64encode(bytes(16)), b""))
    read(b"HTTP/1.1 101 ")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octet = s.recv(1)
        expect(octet, "the end behind %r", head)
        head += octet
    s.sendall(frame(TEXT, b"hello") + frame(CLOSE, b"\x03\xe8"))
    read(b"\x81\x05hello\x88\x02\x03\xe8")


class Ordinary:
    def __init__(self, server):
        self.child = subprocess.Popen(
            [sys.executable, __file__, "ordinary", str(server.plain), str(server.tls)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def end(self):
        took, failures = json.loads(self.child.communicate()[0])
        expect(not failures, "an ordinary client failed %d times: %s", len(failures), failures[:3])
        expect(took, "an ordinary client was never answered")
        took.sort()
        print("# an ordinary client: %d times answered, in %.1f ms (median), %.1f ms (99 %%), "
              "%.1f ms (most)" % (len(took), 1e3 * took[len(took) // 2],
                                  1e3 * took[len(took) * 99 // 100], 1e3 * took[-1]))

    def kill(self):
        self.child.kill()
        self.child.communicate()


# -------------------------------------------------------------------------------------- tests


async def watch(server, seconds):
    """Says now and then what the server has."""
    began = time.monotonic()
    while True:
        await asyncio.sleep(seconds / 20)
        print("# at %3.0f s: %d descriptors, %.1f MiB resident, %.1f s of CPU" % (
            time.monotonic() - began, server.fds(), server.rss() / 2**20, server.cpu()), flush=True)


async def settle(server, fds, more=0):
    """Until the server has let go of everyone, or of all but so many."""
    end = time.monotonic() + LATE
    while server.fds() > fds + more and time.monotonic() < end:
        await asyncio.sleep(0.05)
    expect(fds <= server.fds() <= fds + more, "%d descriptors, not %d as before", server.fds(),
           fds)


async def soak(websock, io, seconds, n):
    # A large crowd shakes hands and answers pings slowly.
    patience = 3000 + 6 * n
    server = Server(
        websock, io, "--open-timeout", "%dms" % patience, "--ping-timeout", "%dms" % patience,
        "--ping-interval", "1s", "--write-timeout", "3s", "--close-timeout", "5s",
        "--linger-timeout", "5s", "--message-timeout", "%dms" % max(10000, patience),
        "--max-message", str(MAX_MESSAGE), "--drain", "10s")
    someone = watcher = None
    try:
        # Some wait for the server's deadlines.
        crowd = Crowd(server, SOAK, late=LATE + 2 * patience / 1000)
        fds, rss, left = server.fds(), [server.rss()], []
        someone = Ordinary(server)
        watcher = asyncio.create_task(watch(server, seconds))
        # What is allocated once, and what allocators keep, is there behind the first round.
        for share in (1, 2):
            await crowd.run(seconds * share / 3, n)
            if share == 2:
                someone.end()
            await settle(server, fds, more=share == 1)
            await asyncio.sleep(1.5) # memory is given back within a second
            rss.append(server.rss())
            left.append(server.fds())
        watcher.cancel()
        await asyncio.sleep(0.5)
        cpu, since = server.cpu(), time.monotonic()
        await asyncio.sleep(2)
        busy = (server.cpu() - cpu) / (time.monotonic() - since)
        crowd.report()
        print("# resident: %s, at the most %.1f MiB; descriptors: %d, %s; idle: %.1f %% CPU; "
              "used %.1f s" % (", ".join("%.1f MiB" % (r / 2**20) for r in rss),
                               server.rss("VmHWM") / 2**20, fds, ", ".join(map(str, left)),
                               100 * busy, server.cpu()))
        expect(busy < 0.05, "it is busy with nothing: %.1f %% CPU", 100 * busy)
        expect(SANITIZED or (rss[1] < rss[0] + RSS_FIRST and rss[2] < rss[1] + RSS_LATER),
               "memory grows: %r", rss)
    finally:
        if watcher is not None:
            watcher.cancel()
        if sys.exc_info()[0] is not None:
            server.kill()
            if someone is not None:
                someone.kill()
    server.end()


async def workers(websock, io, seconds, n):
    server = Server(websock, io, "--workers", "4", "--broadcast", "--open-timeout", "20s",
                    "--drain", "20s", "--linger-timeout", "500ms")
    crowd = Crowd(server, WORKERS, broadcast=True)

    async def reload():
        while not crowd.shutting_down:
            server.child.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.2)

    async def terminate(seconds):
        await asyncio.sleep(seconds)
        await crowd.everyone_was_there()
        crowd.shutting_down = crowd.over = True
        server.child.send_signal(signal.SIGTERM)

    try:
        await asyncio.gather(crowd.run(seconds, n, until=terminate), reload())
    finally:
        crowd.shutting_down = True
        if sys.exc_info()[0] is not None:
            server.kill()
    crowd.report()
    server.end(sent=True)


def main():
    if sys.argv[1] == "ordinary":
        ordinary(*map(int, sys.argv[2:4]))
        return
    test, websock, io = sys.argv[1:4]
    run = {"soak": soak, "workers": workers}[test]
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 10
    n = int(sys.argv[5]) if len(sys.argv) > 5 else 100
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    seed = int(os.environ.get("CROWD_SEED", random.randrange(2**32)))
    random.seed(seed)
    skip_without(websock, io)
    logging.disable() # asyncio's, of each write behind a reset
    print("1..1\n# CROWD_SEED=%d" % seed)
    try:
        asyncio.run(run(websock, io, seconds, n))
        print("ok 1 - %s %s" % (test, io))
    except Exception as e:
        print("# " + traceback.format_exc().replace("\n", "\n# "))
        print("not ok 1 - %s %s: %s" % (test, io, str(e).split("\n")[0]))
        sys.exit(1)


if __name__ == "__main__":
    main()
