#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many connections at once to "websock serve": scale.py WEBSOCK IO [N [KINDS [COUNT_HEAP_LIBRARY]]]

"websock bench" opens N connections from several addresses of the loopback and holds them; what
they cost the server is measured; one message goes to all, and each must get it once; all close.
Then the server's descriptors and memory must be where they were before. KINDS is a list with
commas of

ws            as a client that offers no compression
ws-deflate    compression negotiated, and the message compressed
wss           TLS 1.3
wss-deflate   both

The server is one process with one worker. If the hard limit of open files (ulimit -Hn) does not
let one process have N connections, and cannot be raised either, there are as many such servers as
it takes, each with a share of the connections; the output says so.

Resident is what the process takes of the machine, heap what it has from malloc(3), if the library
that counts it is given. What the kernel holds for a socket is in neither. Prints TAP.
"""
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
import traceback

from crowd import PATIENCE, SANITIZED, Server, expect, skip_without

SOURCES = "127.0.1.0/28"
SIZE = 125
# Loops and allocators keep something; what a connection has may not stay.
RSS_KEPT, RSS_KEPT_PER_CONNECTION = 4 << 20, 48
# Tables that loops have grown by descriptors, and servers by those to whom they broadcast.
HEAP_KEPT, HEAP_KEPT_PER_CONNECTION = 64 << 10, 48
# Of an idle connection.
HEAP_MOST = {"ws": 230, "ws-deflate": 230, "wss": 17408, "wss-deflate": 17408}
# Seconds for all to open, and for the message to reach all.
OPENING, REACHING = 60, 60


class Bench:
    def __init__(self, websock, url, n, kind):
        self.child = subprocess.Popen(
            [websock, "bench", "--mode", "broadcast", "--connections", str(n), "--messages", "1",
             "--size", str(SIZE), "--verify", "1", "--duration", "%gs" % (REACHING * PATIENCE),
             "--timeout", "%gs" % (REACHING * PATIENCE), "--open-timeout",
             "%gs" % (OPENING * PATIENCE), "--source", SOURCES, "--wait", "--json",
             *(["--deflate"] if "deflate" in kind else []),
             *(["--insecure"] if "wss" in kind else []), url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def await_open(self, n):
        line = self.child.stderr.readline()
        expect(line == "%d open\n" % n, "not all %d are open: %s", n, line)

    def go_on(self):
        self.child.stdin.write("go on\n")
        self.child.stdin.flush()

    def end(self):
        out, err = self.child.communicate()
        expect(self.child.returncode == 0, "bench ended with %d: %s", self.child.returncode, err)
        return json.loads(out)

    def kill(self):
        self.child.kill()
        self.child.communicate()


class Heap:
    """What COUNT_HEAP_LIBRARY counts in the server."""

    def __init__(self, library):
        self.file = tempfile.NamedTemporaryFile()
        self.environment = dict(os.environ, LD_PRELOAD=library, COUNT_HEAP=self.file.name)

    def read(self):
        with open(self.file.name, "rb") as f:
            return struct.unpack("qq", f.read(16))[0]


class Scene:
    """A server, and the clients that it has."""

    def __init__(self, websock, io, n, library):
        self.websock, self.bench = websock, None
        self.heap = Heap(library) if library and not SANITIZED else None
        self.server = Server(websock, io, "--broadcast", "--log-level", "warn", "--ping-interval",
                             "never", "--max-connections", str(n + 100),
                             environment=self.heap and self.heap.environment)

    def read(self):
        return self.server.fds(), self.server.rss(), self.heap.read() if self.heap else 0

    def at_rest(self, fds):
        """What there is once the server has as many descriptors and does nothing any more."""
        end, cpu = time.monotonic() + 10 * PATIENCE, None
        while time.monotonic() < end:
            before, cpu = cpu, self.server.cpu()
            if self.server.fds() == fds and cpu == before:
                return self.read()
            time.sleep(0.2)
        raise AssertionError("%d descriptors, not %d, and no rest" % (self.server.fds(), fds))

    def begin(self, kind, n):
        url = "%s://127.0.0.1:%d/ws" % (kind.split("-", maxsplit=1)[0],
                                        self.server.tls if "wss" in kind else self.server.plain)
        self.before, self.n = self.read(), n
        self.bench = Bench(self.websock, url, n, kind)

    def hold(self):
        self.bench.await_open(self.n)

    def look_at_it(self):
        self.held = self.at_rest(self.before[0] + self.n)

    def go_on(self):
        self.bench.go_on()

    def end(self):
        self.figures = self.bench.end()
        self.bench = None

    def look_again(self):
        self.after = self.at_rest(self.before[0])

    def kill(self):
        if self.bench is not None:
            self.bench.kill()
        self.server.kill()


def run(scenes, kind, shares):
    for scene, share in zip(scenes, shares):
        scene.begin(kind, share)
    for step in (Scene.hold, Scene.look_at_it, Scene.go_on, Scene.end, Scene.look_again):
        if step is Scene.look_again:
            time.sleep(1.2) # memory is given back within a second
        for scene in scenes:
            step(scene)


def check(scene, kind):
    figures, n = scene.figures, scene.n
    for what, value, wanted in (
            ("connections", figures["connections"], n),
            ("messages", figures["broadcast"]["messages"], 1),
            ("connections that got it", figures["broadcast"]["connections_with_all"], n),
            ("copies too many", figures["unsolicited"], 0), ("wrong", figures["wrong"], 0),
            ("closed in order", figures["closed_in_order"], n)):
        expect(value == wanted, "%s: %r, not %r", what, value, wanted)
    each = (scene.held[2] - scene.before[2]) / n
    expect(each < HEAP_MOST[kind], "%.0f octets of heap per connection", each)
    left = scene.after[2] - scene.before[2]
    expect(left < HEAP_KEPT + n * HEAP_KEPT_PER_CONNECTION, "%d octets of heap more than before", left)
    kept = scene.after[1] - scene.before[1]
    expect(SANITIZED or kept < RSS_KEPT + n * RSS_KEPT_PER_CONNECTION,
           "%.1f MiB more are resident than before", kept / 2**20)


def tell(scenes, kind, n):
    def sums(i):
        return [sum(getattr(scene, moment)[i] for scene in scenes)
                for moment in ("before", "held", "after")]

    fds, rss, heap = sums(0), sums(1), sums(2)
    print("# %s: %d connections opened in %.2f s; %.0f octets resident and %s of heap each" % (
        kind, n, max(scene.figures["opening"]["seconds"] for scene in scenes),
        (rss[1] - rss[0]) / n, "%.0f" % ((heap[1] - heap[0]) / n) if heap[1] else "?"))
    print("# %s: a message of %d octets was with the last of them after %.1f ms" % (
        kind, SIZE, max(scene.figures["broadcast"]["last_copy_us"]["max"]
                        for scene in scenes) / 1000))
    print("# %s: before, while held, after: descriptors %d, %d, %d; resident %.1f, %.1f, %.1f MiB"
          "; heap %.1f, %.1f, %.1f MiB" % (
              kind, *fds, *(x / 2**20 for x in rss), *(x / 2**20 for x in heap)), flush=True)


def shares_of(n):
    """Connections of each server."""
    want, hard = n + 1000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < want:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (want, want))
            hard = want
        except (OSError, ValueError):
            pass
    most = n if hard == resource.RLIM_INFINITY or hard >= want else hard - 200
    expect(most > 0, "the limit of open files, %d, is too low", hard)
    servers = -(-n // most)
    return [n // servers + (i < n % servers) for i in range(servers)], hard


def scale(websock, io, kind, shares, library):
    scenes = []
    try:
        for share in shares:
            scenes.append(Scene(websock, io, share, library))
        # What the first connections cost is the loop's.
        run(scenes, kind, [min(share, 100) for share in shares])
        run(scenes, kind, shares)
        tell(scenes, kind, sum(shares))
        for scene in scenes:
            check(scene, kind)
    finally:
        if sys.exc_info()[0] is not None:
            for scene in scenes:
                scene.kill()
    for scene in scenes:
        scene.server.end()


def main():
    websock, io = sys.argv[1:3]
    n = int(sys.argv[3]) if len(sys.argv) > 3 else 50000
    kinds = (sys.argv[4] if len(sys.argv) > 4 else "ws,ws-deflate,wss,wss-deflate").split(",")
    library = sys.argv[5] if len(sys.argv) > 5 else None
    failed = 0
    skip_without(websock, io)
    shares, hard = shares_of(n)
    name = "%d with %s in %s" % (n, io, "one process" if len(shares) == 1 else
                                 "%d processes" % len(shares))
    print("1..%d\n# %s; the hard limit of open files of a process is %d" % (
        len(kinds), name, hard), flush=True)
    for i, kind in enumerate(kinds, 1):
        try:
            scale(websock, io, kind, shares, library)
            print("ok %d - %s: %s" % (i, kind, name), flush=True)
        except Exception as e:
            failed += 1
            print("# " + traceback.format_exc().replace("\n", "\n# "))
            print("not ok %d - %s: %s: %s" % (i, kind, name, str(e).split("\n")[0]), flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
