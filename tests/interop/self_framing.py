#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The categories of framing beyond Autobahn's (16 to 20) against "websock serve", and "websock
connect --testee" against them, strict: each case is a test point. FILE WEBSOCK IO SCHEME"""
import subprocess
import sys
import threading

from harness import IO, PATIENCE, SANITIZED, SCHEME, WEBSOCK, Server, certificate
from harness import missing_backend, skip_all

if why := missing_backend():
    skip_all(why)

LIMIT = "1M"
SUITES = [word for suite in ("masking", "frames", "limits", "close", "ping")
          for word in ("--suite", suite)]
# Messages of 64 MiB are for information, and each connection of TLS costs a handshake.
LEFT_OUT = ["--exclude", "18.5.*"]
if SCHEME == "wss" or SANITIZED:
    LEFT_OUT += ["--exclude", "17.9.*,17.10.*,17.11.*,17.14.*"]
COMMON = [*SUITES, *LEFT_OUT, "--strict", "--no-report", "--limit", LIMIT, "--messages", "500",
          "--option", f"openHandshakeTimeout={5 * PATIENCE}",
          "--option", f"closeHandshakeTimeout={2 * PATIENCE}",
          "--option", f"vitalitySeconds={2 * PATIENCE}"]


def test_server():
    server = Server("--max-message", LIMIT)
    trust = ["--insecure"] if SCHEME == "wss" else []
    if not SANITIZED:
        trust += ["--pid", str(server.process.pid)]
    # The suite prints the TAP itself.
    code = subprocess.run([WEBSOCK, "test", server.url, "--tap", *COMMON, *trust]).returncode
    server.stop()
    return code


def test_client():
    """With IO "client": the judge is the server."""
    line = [WEBSOCK, "test", "--serve", f"{SCHEME}://127.0.0.1:0", "--then-exit", "--tap", *COMMON]
    trust = []
    if SCHEME == "wss":
        cert, key = certificate()
        line += ["--cert", cert, "--key", key]
        trust = ["--insecure"]
    judge = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    tap = threading.Thread(target=lambda: print(judge.stdout.read(), end="", flush=True))
    tap.start()
    url = None
    for text in judge.stderr:
        if f"at {SCHEME}://" in text:
            url = text.split(" at ")[1].split(",")[0].strip()
        if text.startswith("Ok, will run"):
            break
    rest = threading.Thread(target=judge.stderr.read)
    rest.start()
    client = subprocess.run([WEBSOCK, "connect", "--testee", "--max-message", LIMIT, *trust, url],
                            capture_output=True, text=True)
    if client.returncode != 0:
        judge.terminate()
    code = judge.wait()
    tap.join()
    rest.join()
    for text in client.stderr.splitlines()[-5:]:
        print("#", text)
    return code or client.returncode


sys.exit(test_client() if IO == "client" else test_server())
