#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an idle connection costs "websock serve", from holding many of each kind.

FILE WEBSOCK IO tcp|tls IDLE_CLIENTS COUNT_HEAP_LIBRARY. Heap is what all of the server has from
malloc(3); resident is what its process takes of the machine. What the kernel holds for a socket is
in neither.
"""
import math
import os
import resource
import struct
import subprocess
import sys
import time

from harness import (FOLDER, IO, PATIENCE, SANITIZED, Server, add, equal, missing_backend, note,
                     run_tests, skip_all)

KIND, CLIENTS, LIBRARY = sys.argv[3:6]
HELPERS = 4 if KIND == "tls" else 2
if SANITIZED:
    skip_all("sanitizers have a heap of their own")
if why := missing_backend():
    skip_all(why)
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
MOST = 10000 if HARD == resource.RLIM_INFINITY else min(10000, HARD - 200)


class Heap:
    def __init__(self):
        self.path = os.path.join(FOLDER, f"heap-{len(os.listdir(FOLDER))}")

    def command(self):
        return ["env", f"LD_PRELOAD={LIBRARY}", f"COUNT_HEAP={self.path}"]

    def read(self):
        with open(self.path, "rb") as f:
            return struct.unpack("qq", f.read(16))


def resident(server):
    with open(f"/proc/{server.process.pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no Rss")


def hold(server, number, *how):
    """Starts the clients and waits until all stand: what ends them."""
    share = [number // HELPERS + (i < number % HELPERS) for i in range(HELPERS)]
    helpers = [
        subprocess.Popen([CLIENTS, str(server.port), str(n), KIND, *how], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True) for n in share]
    for h in helpers:
        equal(h.stdout.readline(), "ready\n", "the word of a helper")

    def end():
        for h in helpers:
            h.stdin.close()
        for h in helpers:
            equal(h.wait(20 * PATIENCE), 0, "the exit code of a helper")

    return end


def measure(what, number, limit, args, *how, pool=0, spare=0):
    number = min(number, MOST)
    heap = Heap()
    # Clients that are idle do not answer pings, and a busy machine may take a minute over them all.
    server = Server("--log-level=warn", "--ping-interval", "never", *args,
                    scheme="wss" if KIND == "tls" else "ws", command=heap.command())
    # What the first connections cost is the loop's: buffers that all share.
    hold(server, 20, *how)()
    settle(server, heap)
    octets, blocks = heap.read()
    rss = resident(server)
    end = hold(server, number, *how)
    settle(server, heap) # the last to be ready has its echo, the server may yet hold it
    more_octets, more_blocks = (now - then for now, then in zip(heap.read(), (octets, blocks)))
    more_resident = resident(server) - rss
    end()
    most = 64 * number + 300000 + pool
    left = settle(server, heap, octets + most) - octets
    # What stays when all are gone was nobody's: message buffers that the loop keeps for the next
    # message, two at most. The few at the beginning may not have needed two at once.
    per = (more_octets - max(0, min(left, spare))) / number
    note(f"{what}: {per:.0f} octets of heap in {more_blocks / number:.1f} blocks, "
         f"{more_resident / number:.0f} resident, per connection of {number} ({IO}, {KIND})")
    note(f"{what}: {left} octets of heap more than before when all are gone")
    server.stop()
    assert per < limit, f"{per:.0f} octets of heap per connection, {limit} is the limit"
    # A table that has grown may stay so, and a piece of memory of the loop's; what belongs to
    # connections may not.
    assert left < most, f"{left} octets of heap stay behind"


def settle(server, heap, goal=math.inf):
    """The heap once it does not change any more. A busy machine may let the server wait: while
    the heap is not below the goal, that it stands still says nothing yet."""
    before, deadline = None, time.monotonic() + 30 * PATIENCE
    while time.monotonic() < deadline:
        now = heap.read()[0]
        if now == before and now < goal:
            return now
        before = now
        time.sleep(0.2)
    raise AssertionError(f"the heap does not come to rest: {now} octets, {goal} are the goal")


# What an idle connection keeps is one block of 176 octets, and with io_uring an entry in the table
# of descriptors. OpenSSL takes most of one with TLS.
LIMIT = {"tcp": 230, "tls": 17408}[KIND]
# Handshakes of TLS take their time.
MOST_PLAIN = {"tcp": 10000, "tls": 3000}[KIND]
MANY = {"tcp": 10000, "tls": 1000}[KIND]
OFF = ("--no-compression",)
ON = ("--compression-threshold", "1")
NO_TAKEOVER = (*ON, "--server-no-context-takeover", "--client-no-context-takeover")
# A loop keeps so much of compressors and decompressors at the most; and what each connection
# keeps of its own is what messages may refer back to.
POOL = 11000000

add("plain", measure, "plain", MOST_PLAIN, LIMIT, OFF, "plain", "0", "0")
add("plain, after messages", measure, "plain, after 2 messages of 1,000 octets", 1000, LIMIT, OFF,
    "plain", "2", "1000")
add("plain, after a large message", measure, "plain, after a message of 100,000 octets", 1000,
    LIMIT, OFF, "plain", "1", "100000", spare=2 * 200000)
add("compression negotiated, not used", measure, "compression negotiated", MANY, LIMIT, ON,
    "deflate", "0", "0")
add("compression used once, no context takeover", measure,
    "compression used, no context takeover", 1000, LIMIT, NO_TAKEOVER, "deflate", "1", "1000")
add("compression used once, with context takeover", measure,
    "compression used, with context takeover", 1000, LIMIT + 2 * 4096 + POOL // 1000, ON,
    "deflate", "1", "1000", pool=POOL)

note(f"{IO}, {KIND}; at most {HARD} descriptors")
run_tests(120)
