# SPDX-License-Identifier: MIT
"""The clients that bench/verdicts has judged: how each is built and started.

Each of bench/peers is started as PROGRAM URL AGENT, asks /getCaseCount of "websock test --serve",
runs each case, one after the other, and asks for the report; its settings stand in its source.
"""
import os
import re
import shlex
import shutil

import contestants
from contestants import Unavailable, must, need, sh


class Visitor:
    """What all have in common, before that of contestants.Contestant."""

    def command(self, url):
        return [*self.program, url, self.name]


class Websock(Visitor, contestants.Contestant):
    name = label = "websock"
    limit = "16M"

    def __init__(self, folder, program):
        super().__init__(folder)
        self.program = program

    def build(self):
        if not os.access(self.program, os.X_OK):
            raise Unavailable(f"there is no {self.program}")
        self.version = must(self.program, "--version").splitlines()[0].strip()

    def command(self, url):
        return [self.program, "connect", "--testee", "--agent", self.name, url]


class Ws(Visitor, contestants.Ws):
    source = "client_ws.mjs"


class Node(Visitor, contestants.Node):
    """Node.js's own."""

    name, label, source = "node", "Node.js's own", "client_node.mjs"
    limit = None  # it says itself that it has none; what it inflates is another matter

    def build(self):
        node = shutil.which("node") or need("nodejs")
        flag = "--experimental-websocket"
        self.program = [node, "--no-warnings", self.path()]
        for flags in ([], [flag]):
            done = sh(node, *flags, "-p", "typeof WebSocket + ' ' + process.versions.undici")
            if done.stdout.startswith("function "):
                self.program = [node, "--no-warnings", *flags, self.path()]
                self.version = (f"undici {done.stdout.split()[1]}, "
                                f"Node {must(node, '--version').strip()[1:]}")
                return
        raise Unavailable("this Node.js has no WebSocket client")


class Bun(Visitor, contestants.Bun):
    source = "client_node.mjs"
    limit = None


class Lws(Visitor, contestants.Lws):
    source = "client_lws.c"


class Gorilla(Visitor, contestants.Gorilla):
    source = "client_gorilla.go"


class Python(Visitor, contestants.Python):
    def __init__(self, folder, module, limit="32M"):
        super().__init__(folder, module)
        self.source, self.limit = f"client_{module}.py", limit


class Given(Visitor, contestants.Contestant):
    """--peer NAME=COMMAND."""

    limit = None

    def __init__(self, folder, name, command):
        super().__init__(folder)
        self.name = self.label = name
        self.line = shlex.split(command)
        if "{url}" not in command and "{port}" not in command:
            raise ValueError(f"the command of --peer {name} does not say where {{url}} goes")

    def build(self):
        need(self.line[0])

    def command(self, url):
        known = {"url": url, "port": url.rpartition(":")[2], "agent": self.name}
        return [re.sub(r"\{(url|port|agent)\}", lambda m: known[m.group(1)], word)
                for word in self.line]


def judged(options):
    """Those that bench/verdicts runs, in the order of its tables."""
    folder = os.path.join(options.output, "peers")
    os.makedirs(folder, exist_ok=True)
    return [Websock(folder, options.websock), Python(folder, "websockets"), Ws(folder),
            Node(folder), Bun(folder), Gorilla(folder), Python(folder, "aiohttp"),
            Python(folder, "tornado"), Python(folder, "wsproto", None), Lws(folder),
            *(Given(folder, *pair) for pair in contestants.given(options))]
