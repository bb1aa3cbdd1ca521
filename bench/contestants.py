# SPDX-License-Identifier: MIT
"""The servers that bench/run measures: how each is built, started and called. Knows no scenarios.

Each of bench/peers is started as PROGRAM PORT MODE [CERT KEY]; its settings stand in its source.
"""
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.path.join(HERE, "peers")
ALL_MODES = ("echo", "deflate", "dense", "broadcast", "tls")


class Unavailable(Exception):
    """It cannot be run here; the text says why."""


def sh(*command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)


def must(*command, **more):
    done = sh(*command, **more)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(f"{os.path.basename(command[0])} failed: {lines[0] if lines else ''}")
    return done.stdout


def make(product, *command, **more):
    """Runs a compiler that writes product, which is not there unless it is whole."""
    must(*(product + ".new" if c == product else c for c in command), **more)
    os.replace(product + ".new", product)


def need(program):
    found = shutil.which(program)
    if found is None:
        raise Unavailable(f"there is no {program}")
    return found


class Contestant:
    """What all have in common. build() raises Unavailable."""

    name = ""
    label = ""
    modes = ALL_MODES
    raw = None  # which raw echo bounds it
    ours = False
    idle_most = 1 << 30  # connections in a test of memory: those that keep much hold fewer
    settings = ""
    version = None
    judged = "deflate"  # the mode for bench/verdicts
    limit = "32M"  # of a message there; None: it has none

    def __init__(self, folder):
        self.folder = folder

    def build(self):
        pass

    def command(self, port, scenario, tls):
        raise NotImplementedError

    def environment(self, scenario):
        return {}

    def can(self, scenario):
        return scenario.mode in self.modes

    def url(self, port, scenario):
        return f"{'wss' if scenario.mode == 'tls' else 'ws'}://127.0.0.1:{port}/"

    def up_to_date(self, product, *sources):
        return os.path.exists(product) and all(
            os.path.getmtime(product) >= os.path.getmtime(s) for s in sources)


class Websock(Contestant):
    ours = True
    limit = "16M"

    def __init__(self, folder, program, io):
        super().__init__(folder)
        self.program, self.io = program, io
        self.name = "websock" if io == "uring" else "websock-epoll"
        self.label = f"websock, {'io_uring' if io == 'uring' else 'epoll'}"
        self.raw = f"raw-{io}"
        self.settings = f"websock serve --io {io}, else as by default; dense: --compression-level 6"

    def build(self):
        if not os.access(self.program, os.X_OK):
            raise Unavailable(f"there is no {self.program}")
        self.version = must(self.program, "--version").splitlines()[0].strip()
        if self.io == "uring" and not self.has_uring():
            raise Unavailable("the build or the kernel has no io_uring")

    def has_uring(self):
        """Asks a server: with --io uring it does not start where that is missing."""
        server = subprocess.Popen(
            [self.program, "serve", "--io", "uring", "ws://127.0.0.1:0/"], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            return any("ends by" in line for line in server.stdout)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()

    def command(self, port, scenario, tls):
        line = [self.program, "serve", "--quiet", "--io", self.io, *scenario.serve]
        if scenario.mode == "broadcast":
            line.append("--broadcast")
        elif scenario.mode == "dense":
            line += ["--compression-level", "6"]
        elif scenario.mode == "tls":
            line += ["--tls-cert", tls[0], "--tls-key", tls[1]]
        return [*line, self.url(port, scenario)]


class Raw(Contestant):
    modes = ("echo",)

    def __init__(self, folder, build, io):
        super().__init__(folder)
        self.name, self.io, self.built = f"raw-{io}", io, os.path.join(build, "bench", f"raw_{io}")
        self.label = f"raw TCP, {'io_uring' if io == 'uring' else 'epoll'}"
        self.settings = "no protocol at all: octets come back as they came"

    def build(self):
        if os.access(self.built, os.X_OK):
            return
        source = os.path.join(HERE, f"raw_{self.io}.c")
        self.built = os.path.join(self.folder, f"raw_{self.io}")
        if not self.up_to_date(self.built, source):
            make(self.built, need("cc"), "-std=c11", "-D_GNU_SOURCE", "-O3", source, "-o",
                 self.built, *(["-luring"] if self.io == "uring" else []))

    def can(self, scenario):
        return scenario.raw

    def command(self, port, scenario, tls):
        return [self.built, str(port), *([str(scenario.size)] if self.io == "uring" else [])]

    def url(self, port, scenario):
        return f"tcp://127.0.0.1:{port}"


class Peer(Contestant):
    """One of bench/peers."""

    raw = "raw-epoll"
    source = ""
    program = ()

    def command(self, port, scenario, tls):
        return [*self.program, str(port), scenario.mode, *(tls if scenario.mode == "tls" else ())]

    def path(self):
        return os.path.join(PEERS, self.source)

    def product(self):
        return os.path.join(self.folder, self.source.rsplit(".", 1)[0])


class Lws(Peer):
    name, label, source = "lws", "libwebsockets", "echo_lws.c"
    settings = "poll(2), receive buffer as large as a message"
    idle_most = 2000
    limit = None

    def build(self):
        flags = must(need("pkg-config"), "--cflags", "--libs", "libwebsockets").split()
        self.version = must("pkg-config", "--modversion", "libwebsockets").strip(" \n-")
        if not self.up_to_date(self.product(), self.path()):
            make(self.product(), need("cc"), "-O3", "-march=native", self.path(), "-o",
                 self.product(), *flags)
        self.program = [self.product()]

    def environment(self, scenario):
        return {"BENCH_SIZE": str(scenario.size)}


class Beast(Peer):
    name, label, source = "beast", "Boost.Beast", "echo_beast.cpp"
    settings = "one thread without locks, compression level 1, dense: 8"
    idle_most = 1000

    def build(self):
        header = "/usr/include/boost/version.hpp"
        if not os.path.exists(header):
            raise Unavailable("there are no headers of Boost (libboost-dev)")
        with open(header, encoding="utf-8") as f:
            found = re.search(r'BOOST_LIB_VERSION "([\d_]+)"', f.read())
        self.version = found.group(1).replace("_", ".") if found else None
        if not self.up_to_date(self.product(), self.path()):
            print("bench: compiling Boost.Beast's server takes a minute", file=sys.stderr)
            make(self.product(), need("c++"), "-std=c++17", "-O3", "-march=native", "-DNDEBUG",
                 self.path(), "-o", self.product(), "-lssl", "-lcrypto", "-pthread")
        self.program = [self.product()]


class Gorilla(Peer):
    name, label, source = "gorilla", "gorilla/websocket", "echo_gorilla.go"
    settings = "GOMAXPROCS=1, GC at 400 %, pooled write buffers, compression level 1, dense: 6"
    idle_most = 2000
    judged = "checked"

    def build(self):
        go = need("go")
        where = "/usr/share/gocode/src/github.com/gorilla/websocket"
        if not os.path.isdir(where):
            raise Unavailable("Debian's golang-github-gorilla-websocket-dev is missing")
        package = sh("dpkg-query", "-W", "-f", "${Version}", "golang-github-gorilla-websocket-dev")
        self.version = f"{package.stdout.split('-')[0]}, {must(go, 'version').split()[2]}"
        if not self.up_to_date(self.product(), self.path()):
            env = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
                   "GOFLAGS": "", "GOCACHE": os.path.join(self.folder, "go-cache")}
            make(self.product(), go, "build", "-o", self.product(), self.path(), env=env)
        self.program = [self.product()]


class Node(Peer):
    """With npm's packages, which bench/peers/setup installs."""

    def package(self, name):
        path = os.path.join(PEERS, "node_modules", name, "package.json")
        try:
            with open(path, encoding="utf-8") as f:
                return re.search(r'"version":\s*"([^"]+)"', f.read()).group(1)
        except OSError:
            raise Unavailable(f"npm's {name} is missing; bench/peers/setup installs it") from None


class Ws(Node):
    name, label, source = "ws", "npm ws", "echo_ws.mjs"
    settings = "with bufferutil if it could be installed, compression level 1, dense: 6"
    idle_most = 2000

    def build(self):
        node = shutil.which("node") or need("nodejs")
        self.version = f"{self.package('ws')}, Node {must(node, '--version').strip()[1:]}"
        self.program = [node, self.path()]


class Bun(Node):
    name, label, source = "bun", "bun", "echo_bun.js"
    settings = "its server is uWebSockets; shared compressor, dense: dedicated"

    def build(self):
        self.version = self.package("bun")
        binaries = (glob.glob(os.path.join(PEERS, "node_modules/bun/bin/bun*")) +
                    glob.glob(os.path.join(PEERS, "node_modules/@oven/*/bin/bun")))
        for path in binaries:
            if os.access(path, os.X_OK) and sh(path, "--version").returncode == 0:
                self.program = [path, self.path()]
                return
        raise Unavailable("npm's bun has no program for this machine")


class Python(Peer):
    modes = ("echo", "deflate", "dense", "tls")
    settings = "asyncio"
    idle_most = 1000

    def __init__(self, folder, module):
        super().__init__(folder)
        self.name, self.label, self.source = module, f"python {module}", f"echo_{module}.py"
        self.module = module

    def build(self):
        for python in ("/usr/bin/python3", sys.executable):
            done = sh(python, "-c", f"import {self.module} as m; print(m.__version__ if hasattr("
                      "m, '__version__') else m.version)")
            if done.returncode == 0:
                self.version = done.stdout.strip()
                self.program = [python, self.path()]
                return
        raise Unavailable(f"there is no python3-{self.module}")


class Uws(Peer):
    name, label, source = "uws", "uWebSockets", "echo_uws.cpp"
    settings = "epoll, OpenSSL, zlib, link-time optimisation; shared compressor, dense: dedicated"

    def __init__(self, folder, checkout):
        super().__init__(folder)
        self.checkout = checkout

    def build(self):
        source, usockets = (os.path.join(self.checkout, d) for d in ("src", "uSockets/src"))
        if not os.path.exists(os.path.join(usockets, "libusockets.h")):
            raise Unavailable(f"{self.checkout} is no uWebSockets with its submodule uSockets")
        self.version = sh("git", "-C", self.checkout, "describe", "--always",
                          "--tags").stdout.strip() or None
        self.program = [self.product()]
        if self.up_to_date(self.product(), self.path()):
            return
        work = os.path.join(self.folder, "uws")
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(source, os.path.join(work, "src"))
        self.repair(os.path.join(work, "src", "HttpResponse.h"))
        flags = ["-O3", "-march=native", "-flto=auto", "-w", "-DLIBUS_USE_OPENSSL", f"-I{usockets}"]
        objects = []
        for path in [p for d in ("", "eventing", "crypto")
                     for p in sorted(glob.glob(os.path.join(usockets, d, "*.c*")))]:
            if path.endswith("asio.cpp"):
                continue
            objects.append(os.path.join(work, os.path.basename(path) + ".o"))
            compiler = [need("cc"), "-std=c11"] if path.endswith(".c") else [need("c++"),
                                                                             "-std=c++17"]
            must(*compiler, *flags, "-c", path, "-o", objects[-1])
        make(self.product(), need("c++"), "-std=c++20", *flags, f"-I{work}/src", self.path(),
             *objects, "-o", self.product(), "-lssl", "-lcrypto", "-lz")

    def repair(self, path):
        """Some versions take every dedicated compressor for the one of 3 KiB: a mask is missing."""
        with open(path, encoding="utf-8") as f:
            text = f.read()
        wrong = "webSocketContextData->compression & DEDICATED_COMPRESSOR_3KB)"
        right = ("(webSocketContextData->compression & CompressOptions::_COMPRESSOR_MASK) == "
                 "DEDICATED_COMPRESSOR_3KB)")
        if wrong in text:
            self.settings += " (its mistake with dedicated compressors is mended)"
            with open(path, "w", encoding="utf-8") as f:
                f.write(text.replace(wrong, right))


class Given(Contestant):
    """--peer NAME=COMMAND."""

    raw = "raw-epoll"
    limit = None

    def __init__(self, folder, name, command):
        super().__init__(folder)
        self.name = self.label = name
        self.line = shlex.split(command)
        self.settings = command
        if "{port}" not in command:
            raise ValueError(f"the command of --peer {name} does not say where {{port}} goes")
        if "{mode}" not in command:
            self.modes = ("tls",) if "{cert}" in command else ("echo",)

    def build(self):
        need(self.line[0])

    def command(self, port, scenario, tls):
        known = {"port": str(port), "mode": scenario.mode, "cert": tls[0], "key": tls[1]}
        return [re.sub(r"\{(port|mode|cert|key)\}", lambda m: known[m.group(1)], word)
                for word in self.line]


def given(options):
    """Name and command of each --peer."""
    for text in options.peer:
        name, equals, command = text.partition("=")
        if not equals or not re.fullmatch(r"[\w.-]+", name):
            raise ValueError(f"--peer {text} is not NAME=COMMAND")
        yield name, command


def known(options):
    """Every server that there is a way to run, in the order in which they take turns."""
    folder = os.path.join(options.output, "peers")
    os.makedirs(folder, exist_ok=True)
    found = [Websock(folder, options.websock, "uring"), Websock(folder, options.websock, "epoll"),
             Raw(folder, options.build, "uring"), Raw(folder, options.build, "epoll")]
    if options.uws:
        found.append(Uws(folder, options.uws))
    found += [Bun(folder), Lws(folder), Beast(folder), Gorilla(folder), Ws(folder)]
    found += [Given(folder, *pair) for pair in given(options)]
    return found, [Python(folder, "websockets"), Python(folder, "tornado")]


def judged(options):
    """Those that bench/verdicts runs: what has WebSockets, in the order of its tables."""
    everyone = {c.name: c for some in known(options) for c in some if not isinstance(c, Raw)}
    order = ("websock-epoll", "websock", "beast", "uws", "bun", "websockets", "ws", "gorilla",
             "tornado", "lws")
    return [everyone[name] for name in order if name in everyone] + [
        c for c in everyone.values() if isinstance(c, Given)]


def certificate(folder):
    """Files of a certificate for localhost and its key; None if they cannot be made."""
    files = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    if not os.path.exists(files[0]):
        openssl = shutil.which("openssl")
        if openssl is None or sh(
                openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", files[1], "-out", files[0],
                "-days", "365", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1").returncode != 0:
            return None
    return files
