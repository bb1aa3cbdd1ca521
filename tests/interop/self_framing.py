#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The categories of framing beyond Autobahn's (16 to 20) against "websock serve", and "websock
connect --testee" against them, strict: each case is a test point. FILE WEBSOCK IO
SCHEME, where IO "client-epoll" is for our client on epoll."""
import subprocess
import sys

from harness import IO, PATIENCE, SANITIZED, SCHEME, WEBSOCK, Server
from harness import judged_client, missing_backend, skip_all

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


def test_client(io):
    tap, code, client = judged_client(COMMON, ["--max-message", LIMIT], io)
    print(tap, end="", flush=True)
    return 0 if (code, client) == (0, 0) else 1


sys.exit(test_client(IO[7:]) if IO.startswith("client-") else test_server())
