#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compression, time and attacks beyond Autobahn's (21 to 23) against "websock serve", and "websock
connect --testee" against them, strict: each case is a test point. FILE WEBSOCK IO SCHEME"""
import subprocess
import sys
import threading

from harness import IO, PATIENCE, SANITIZED, SCHEME, WEBSOCK, Server, certificate
from harness import missing_backend, skip_all

if why := missing_backend():
    skip_all(why)

# What a time limit decides is OK or, on a machine that is too slow for it, for information. Pings
# keep their usual time: whoever reads slowly answers them late.
LIMITS = ["--open-timeout", "500ms", "--message-timeout", "500ms", "--write-timeout", "500ms",
          "--close-timeout", "400ms", "--linger-timeout", "400ms"]
COMMON = ["--suite", "compression,time,attacks", "--strict", "--no-report", "--patience", "1s",
          "--option", "crowd=0.02",
          "--option", f"openHandshakeTimeout={5 * PATIENCE}",
          "--option", f"closeHandshakeTimeout={2 * PATIENCE}",
          "--option", f"vitalitySeconds={2 * PATIENCE}"]


def test_server():
    server = Server(*LIMITS)
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
    # The client's own limits are those of everyone: waiting for them would take minutes.
    line += ["--exclude", "22.1.*,22.2.*,22.3.1,22.3.2,22.4.1,22.4.2,22.4.3,22.4.4,22.5.*,22.6.*"]
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
    client = subprocess.run([WEBSOCK, "connect", "--testee", *trust, url], capture_output=True,
                            text=True)
    # Answers that are wrong fail a client: that some cases could not be run is right.
    code = judge.wait()
    tap.join()
    rest.join()
    for text in client.stderr.splitlines()[-3:]:
        print("#", text)
    return code


sys.exit(test_client() if IO == "client" else test_server())
