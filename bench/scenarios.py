# SPDX-License-Identifier: MIT
"""What is measured: the scenarios of bench/run, and what is aimed at.

A scenario names the mode of the servers (echo, deflate, dense, broadcast, tls), the arguments of
"websock bench", and the metrics that count. It knows no servers.
"""
import dataclasses
import fnmatch

# Metric: what one calls it, its unit, digits, and whether less of it is better.
METRICS = {
    "rate": ("messages per second", "msg/s", 0, False),
    "cpu": ("server CPU per message", "us", 3, True),
    "user": ("of that in user space", "us", 3, True),
    "p50": ("latency, median", "us", 1, True),
    "p99": ("latency, 99th percentile", "us", 1, True),
    "wire": ("octets on the wire per reply", "B", 1, True),
    "memory": ("server memory per connection", "B", 0, True),
}


@dataclasses.dataclass
class Target:
    """metric OP limit: as a ratio to the reference, to the raw echo or to another scenario, as what
    it is more than that of the raw echo (raw_more), or absolute."""

    metric: str
    at_most: bool
    limit: float
    to: str = "reference"

    def met(self, value):
        # What is shown as the limit is the limit.
        value = round(value, {"absolute": 4, "raw_more": 1}.get(self.to, 2))
        return value <= self.limit if self.at_most else value >= self.limit

    def text(self):
        names = {"rate": "rate", "cpu": "CPU", "user": "user CPU", "wire": "octets",
                 "memory": "memory", "p50": "p50", "p99": "p99"}
        sign = "≤" if self.at_most else "≥"
        unit = METRICS[self.metric][1]
        if self.to == "raw_more":
            return f"{names[self.metric]} {sign} raw + {self.limit:g} {unit}"
        of = {"raw": " of raw", "reference": "", "absolute": " " + unit}.get(
            self.to, f" of {self.to}")
        return f"{names[self.metric]} {sign} {self.limit:g}{of}"


@dataclasses.dataclass
class Scenario:
    key: str
    group: str
    title: str
    args: list
    mode: str = "echo"
    kind: str = "rate"  # or latency, handshake, idle
    connections: int = 1
    size: int = 0
    targets: list = dataclasses.field(default_factory=list)
    serve: list = dataclasses.field(default_factory=list)  # more arguments for websock serve
    quick: bool = False
    raw: bool = False  # a raw echo can do it too
    brief: bool = False  # it stands in the README
    profile: bool = False  # a full run looks at what the CPU time consists of

    @property
    def metrics(self):
        if self.kind == "idle":
            return ["memory"]
        if self.kind == "latency":
            return ["p50", "p99", "cpu"]
        more = ["wire"] if self.mode in ("deflate", "dense") else []
        return ["rate", "cpu", "user", *more] + (["p50", "p99"] if self.kind == "rate" else [])

    @property
    def main(self):
        """The metric that a chart shows."""
        return {"idle": "memory", "latency": "p50"}.get(self.kind, "cpu")


def cpu(limit):
    return Target("cpu", True, limit)


def rate(limit):
    return Target("rate", False, limit)


def wire(limit):
    return Target("wire", True, limit)


def number(n):
    return f"{n:,}"


def octets(n):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if n >= unit and n % unit == 0:
            return f"{n // unit} {name}"
    return f"{n} B"


def everything():
    """All scenarios, in the order in which they are run and shown."""
    found = []

    def add(key, group, title, connections, size, targets=(), args=(), **more):
        sizes = ["--size", str(size)] if more.get("kind") != "idle" else []
        found.append(Scenario(
            key=key, group=group, title=title, connections=connections, size=size,
            args=["--connections", str(connections), *sizes, *args],
            targets=list(targets), **more))

    for connections in (100, 1000, 10000):
        for size in (20, 125):
            limit = 1.0 if connections == 10000 else 0.98
            targets = [cpu(limit)]
            if connections < 10000:
                targets.append(Target("cpu", True, 1.02, "raw"))
            add(f"echo-{size}-{connections}", "Echo",
                f"{octets(size)}, {number(connections)} connections", connections, size, targets,
                raw=True, quick=(size, connections) in ((20, 100), (125, 1000)),
                brief=(size, connections) in ((20, 100), (125, 1000)),
                profile=(size, connections) == (20, 100))

    both = [Target("p50", True, 0.4), Target("p99", True, 0.4)]
    beside = [Target(m, True, 1, "raw_more") for m in ("p50", "p99")]
    add("latency", "Latency", "1 connection, 20 B", 1, 20, beside, kind="latency", raw=True,
        quick=True)
    add("latency-busy", "Latency", "the same, ours with --busy-poll 50", 1, 20, both,
        kind="latency", serve=["--busy-poll", "50"], quick=True)
    add("latency-spin", "Latency", "a client that spins", 1, 20, beside, args=["--spin"],
        kind="latency", raw=True)
    add("latency-spin-busy", "Latency", "a client that spins, ours with --busy-poll 50", 1, 20,
        both, args=["--spin"], kind="latency", serve=["--busy-poll", "50"])

    add("pipeline-16", "Pipelined", "20 B, 16 connections, 16 in flight", 16, 20, [rate(1.05)],
        ["--pipeline", "16"], raw=True)
    add("pipeline-64", "Pipelined", "20 B, 16 connections, 64 in flight", 16, 20,
        [rate(1.15), cpu(0.85), Target("user", True, 0.01, "absolute")], ["--pipeline", "64"],
        raw=True, quick=True, brief=True, profile=True)

    add("echo-16k", "Large", "16 KiB, 16 connections", 16, 16384, [cpu(0.97)], raw=True, quick=True,
        profile=True)
    for connections in (4, 16):
        for kind in ("binary", "text"):
            targets = [rate(1.1), cpu(0.9)]
            if kind == "text":
                targets.append(Target("rate", False, 0.9, f"echo-1m-binary-{connections}"))
            add(f"echo-1m-{kind}-{connections}", "Large",
                f"1 MiB {kind}, {connections} connections", connections, 1 << 20, targets,
                ["--" + kind], raw=kind == "binary", quick=connections == 16,
                brief=(connections, kind) == (4, "text"))

    add("broadcast-1000", "Broadcast", "64 B to 1,000", 1000, 64, [rate(1.1), cpu(0.83)],
        ["--mode", "broadcast"], mode="broadcast", quick=True, brief=True)
    add("broadcast-1000-8", "Broadcast", "64 B to 1,000, 8 in flight", 1000, 64,
        [rate(1.1), cpu(0.83)], ["--mode", "broadcast", "--pipeline", "8"], mode="broadcast")
    add("broadcast-10000", "Broadcast", "64 B to 10,000", 10000, 64, [rate(1.15), cpu(0.83)],
        ["--mode", "broadcast"], mode="broadcast", profile=True)
    add("handshake", "Handshakes", "connect, shake hands, close; 16 at a time", 16, 20, [cpu(0.9)],
        ["--mode", "handshake"], kind="handshake", quick=True, brief=True,
        profile=True)

    for size, limit in ((128, 0.6), (1024, 0.6), (16384, 0.22)):
        add(f"deflate-{size}", "Compressed", f"JSON text of {octets(size)}, 16 connections", 16,
            size, [cpu(limit), wire(1.15)], ["--deflate", "--text"], mode="deflate",
            quick=size > 128, brief=size == 1024, profile=size == 1024)
    for size in (1024, 16384):
        add(f"dense-{size}", "Compressed", f"the same, {octets(size)}, each at its densest", 16,
            size, [cpu(0.99), wire(1.0)], ["--deflate", "--text"], mode="dense")

    add("tls-125", "TLS", "125 B, 100 connections", 100, 125, [cpu(0.95)], mode="tls", quick=True,
        brief=True, profile=True)
    add("tls-64k", "TLS", "64 KiB, 16 connections", 16, 65536, [cpu(0.7)], mode="tls", brief=True,
        profile=True)

    for mode, name, limit in (("echo", "plain", 200), ("deflate", "compression negotiated", 260),
                              ("tls", "TLS", 12288)):
        add(f"idle-{name.split()[0].lower()}", "Idle", f"{name}, memory per connection",
            2000 if mode == "tls" else 10000, 20, [Target("memory", True, limit, "absolute")],
            ["--mode", "idle", *(["--deflate"] if mode == "deflate" else [])], mode=mode,
            kind="idle", quick=mode == "echo", brief=mode != "deflate")
    return found


def choose(patterns, quick):
    """The scenarios that one of the patterns fits (all without patterns)."""
    known = everything()
    for pattern in patterns:
        if not any(fnmatch.fnmatch(s.key, pattern) for s in known):
            raise ValueError(f"no scenario is called {pattern}; --list shows them")
    if patterns:
        return [s for s in known if any(fnmatch.fnmatch(s.key, p) for p in patterns)]
    return [s for s in known if s.quick] if quick else known
