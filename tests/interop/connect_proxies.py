#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
""""websock connect" by way of Debian's proxies: nginx in front of "websock serve", tinyproxy (HTTP
CONNECT), microsocks (SOCKS5). FILE WEBSOCK IO SCHEME"""
import asyncio
import atexit
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

from harness import (FOLDER, PATIENCE, SCHEME, Server, Skip, certificate, equal, run_tests, test)
from connect_client import connect, good
from ports import free_port

OCTETS = os.urandom(200000) + b"repeat " * 200000


def start(program, line, port):
    """Starts it and waits until it listens."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Skip(f"{program} is not installed")
    log = open(os.path.join(FOLDER, f"{program}.log"), "a+", encoding="utf-8", errors="replace")
    process = subprocess.Popen([path, *line], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    atexit.register(process.kill)
    end = time.monotonic() + 10 * PATIENCE
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    process.kill()
    log.seek(0)
    raise AssertionError(f"{program} does not listen: {log.read()[-1000:]}")


def end(process):
    process.terminate()
    process.wait(10 * PATIENCE)


def echoes(url, *way, env=None):
    good(connect(*way, "-n3", url, stdin=b"one\ntwo\nthree\n", env=env), b"one\ntwo\nthree\n")
    good(connect(*way, "-w", "-B", "-n1", url, stdin=OCTETS, env=env), OCTETS)


def fails(word, url, *way, code=1, env=None):
    r = connect(*way, url, env=env)
    equal((r.returncode, r.stdout, r.stderr.count(b"\n")), (code, b"", 1), f"end of {way}: {r.stderr}")
    equal(word in r.stderr.decode(), True, f"{word!r} in {r.stderr!r}")


# ------------------------------------------------------------------------------------- nginx

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port} {tls};
        location /ws {{
            proxy_pass http://127.0.0.1:{backend};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $http_host;
            proxy_read_timeout {wait}s;
        }}
        location /down {{ proxy_pass http://127.0.0.1:1; }}
        location /moved {{ return 307 {scheme}://127.0.0.1:{port}/ws; }}
        location /private {{ return 403; }}
    }}
}}
"""

# Seconds of nginx, for the answer to an opening too.
WAIT = min(4, max(2, int(PATIENCE)))


@test
def nginx():
    """nginx in front: messages, refusals, redirects, its timeout"""
    server = Server(scheme="ws", io="auto")
    port = free_port()
    cert, key = certificate()
    tls = "ssl" if SCHEME == "wss" else ""
    text = NGINX.format(folder=FOLDER, port=port, backend=server.port, scheme=SCHEME, tls=tls,
                        wait=WAIT)
    if tls:
        text = text.replace("access_log off;",
                            f"access_log off; ssl_certificate {cert}; ssl_certificate_key {key};")
    path = os.path.join(FOLDER, "nginx.conf")
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    process = start("nginx", ["-p", FOLDER, "-c", path, "-e", "stderr"], port)
    url = f"{SCHEME}://127.0.0.1:{port}"
    echoes(f"{url}/ws")
    fails("502", f"{url}/down")
    fails("403", f"{url}/private")
    fails("307", f"{url}/moved")
    echoes(f"{url}/moved", "-L")
    # Nothing for longer than nginx waits: it drops us, unless keepalive goes on.
    fails("1006", f"{url}/ws", "--keep-open", "--ping-interval", "never", code=4)
    r = connect("--keep-open", "--ping-interval", "300ms", "--timeout", f"{2500 * WAIT}ms", f"{url}/ws")
    equal(r.returncode, 3, f"exit code with keepalive: {r.stderr}")
    end(process)
    server.stop()


# ---------------------------------------------------------------------------------- tinyproxy


@test
def tinyproxy():
    """HTTP CONNECT by tinyproxy: messages, passwords, refusals, environment"""
    server = Server(io="auto")
    port = free_port()
    path = os.path.join(FOLDER, "tinyproxy.conf")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"Port {port}\nListen 127.0.0.1\nTimeout 30\nMaxClients 20\nAllow 127.0.0.1\n"
                f"BasicAuth user pass\nConnectPort {server.port}\n")
    process = start("tinyproxy", ["-d", "-c", path], port)
    proxy = f"http://user:pass@127.0.0.1:{port}"
    echoes(server.url, "-x", proxy)
    echoes(server.url.replace("127.0.0.1", "localhost"), "-x", proxy[7:])
    echoes(server.url, "-x", f"127.0.0.1:{port}", "-U", "user:pass")
    fails("407", server.url, "-x", f"http://127.0.0.1:{port}")
    fails("401", server.url, "-x", f"http://user:wrong@127.0.0.1:{port}")
    fails("403", f"{SCHEME}://127.0.0.1:{free_port()}/", "-x", proxy)
    fails("refused", server.url, "-x", f"http://127.0.0.1:{free_port()}")
    dead = f"http://127.0.0.1:{free_port()}"
    for name in [f"{SCHEME}_proxy", "https_proxy" if SCHEME == "wss" else "http_proxy", "all_proxy"]:
        echoes(server.url, env={name: proxy})
        fails("refused", server.url, env={name: dead})
        good(connect("-n1", server.url, stdin=b"x\n", env={name: dead, "no_proxy": "127.0.0.1"}),
             b"x\n")
    good(connect("-x", "", "-n1", server.url, stdin=b"x\n", env={"all_proxy": dead}), b"x\n")
    good(connect("-x", dead, "--noproxy", "127.0.0.0/8", "-n1", server.url, stdin=b"x\n"), b"x\n")
    end(process)
    server.stop()


class Wrapped:
    """TLS in front of a port: tinyproxy has none of its own."""

    def __init__(self, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate())
        self.target = port
        self.context = context
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self.listen())
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def listen(self):
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.context)
        self.port = server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self.copy(reader, back), self.copy(there, writer))

    async def copy(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()


@test
def tinyproxy_with_tls():
    """HTTP CONNECT within TLS: ws within TLS, wss twice encrypted; certificates, names"""
    server = Server(io="auto")
    port = free_port()
    path = os.path.join(FOLDER, "tinyproxy-tls.conf")
    with open(path, "w", encoding="ascii") as f:
        f.write(f"Port {port}\nListen 127.0.0.1\nTimeout 30\nMaxClients 20\nAllow 127.0.0.1\n")
    process = start("tinyproxy", ["-d", "-c", path], port)
    wrapped = Wrapped(port)
    proxy, cert = f"https://127.0.0.1:{wrapped.port}", certificate()[0]
    echoes(server.url, "-x", proxy, "--proxy-cacert", cert)
    echoes(server.url, "--proxy-insecure", env={"all_proxy": proxy})
    echoes(server.url, "-x", f"https://proxy.invalid:{wrapped.port}", "--proxy-insecure",
           "--resolve", f"proxy.invalid:{wrapped.port}:127.0.0.1")
    fails("TLS with the proxy: certificate verify failed", server.url, "-x", proxy)
    fails("it is not for 'proxy.invalid'", server.url, "--proxy-cacert", cert, "-x",
          f"https://proxy.invalid:{wrapped.port}", "--resolve",
          f"proxy.invalid:{wrapped.port}:127.0.0.1")
    end(process)
    server.stop()


# --------------------------------------------------------------------------------- microsocks


@test
def microsocks():
    """SOCKS5 by microsocks: names here and there, passwords, refusals, environment"""
    server = Server(io="auto")
    open_port, closed_port = free_port(), free_port()
    one = start("microsocks", ["-i", "127.0.0.1", "-p", str(open_port)], open_port)
    two = start("microsocks", ["-i", "127.0.0.1", "-p", str(closed_port), "-u", "user", "-P",
                               "pass"], closed_port)
    url, named = server.url, server.url.replace("127.0.0.1", "localhost")
    echoes(url, "-x", f"socks5://127.0.0.1:{open_port}")
    echoes(named, "-x", f"socks5h://127.0.0.1:{open_port}")
    good(connect("-4", "-x", f"socks5://127.0.0.1:{open_port}", "-n1", named, stdin=b"x\n"), b"x\n")
    echoes(url, "-x", f"socks5://user:pass@127.0.0.1:{closed_port}")
    fails("asks for authentication", url, "-x", f"socks5://127.0.0.1:{closed_port}")
    fails("user and password", url, "-x", f"socks5://user:no@127.0.0.1:{closed_port}")
    fails("refused", f"{SCHEME}://127.0.0.1:{free_port()}/", "-x",
          f"socks5://127.0.0.1:{open_port}")
    echoes(url, env={"all_proxy": f"socks5://127.0.0.1:{open_port}"})
    end(one)
    end(two)
    server.stop()


run_tests()
