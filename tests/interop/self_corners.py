#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compression, time and attacks beyond Autobahn's (21 to 23) against "websock serve", and "websock
connect --testee" against them, strict: each case is a test point. FILE WEBSOCK IO SCHEME"""
import re
import subprocess
import sys
import threading

from harness import IO, PATIENCE, SANITIZED, SCHEME, WEBSOCK, Server, certificate
from harness import missing_backend, skip_all

if why := missing_backend():
    skip_all(why)

# What a time limit decides is OK or, on a machine that is too slow for it, for information. What
# must come back intact is not for such short limits.
LIMITS = ["--ping-interval", "300ms", "--ping-timeout", "300ms",
          "--open-timeout", "500ms", "--message-timeout", "500ms", "--write-timeout", "500ms",
          "--close-timeout", "400ms", "--linger-timeout", "400ms"]
INTACT = "22.4.5,22.4.6,22.4.7"
COMMON = ["--strict", "--no-report", "--patience", "1s",
          "--option", "crowd=0.02",
          "--option", f"openHandshakeTimeout={5 * PATIENCE}",
          "--option", f"closeHandshakeTimeout={2 * PATIENCE}",
          "--option", f"vitalitySeconds={2 * PATIENCE}"]


def renumber(text, before):
    """The TAP of one run, as the part of a larger one behind so many points"""
    if before > 0:
        text = re.sub(r"^TAP version \d+\n", "", text)
    return re.sub(r"^(ok|not ok) (\d+)", lambda m: f"{m[1]} {int(m[2]) + before}",
                  re.sub(r"^1\.\.\d+\n", "", text, flags=re.M), flags=re.M)


def test_server():
    n = code = 0
    trust = ["--insecure"] if SCHEME == "wss" else []
    for limits, cases in ((LIMITS, ["--suite", "time", "--exclude", INTACT]),
                          ([], ["--suite", "compression,attacks", "--cases", INTACT])):
        server = Server(*limits)
        look = [] if SANITIZED else ["--pid", str(server.process.pid)]
        r = subprocess.run([WEBSOCK, "test", server.url, "--tap", *cases, *COMMON, *trust, *look],
                           stdout=subprocess.PIPE, text=True)
        server.stop()
        print(renumber(r.stdout, n), end="", flush=True)
        n += len(re.findall(r"^(?:not )?ok ", r.stdout, re.M))
        code = code or r.returncode
    print(f"1..{n}")
    return code


def test_client():
    """With IO "client": the judge is the server."""
    line = [WEBSOCK, "test", "--serve", f"{SCHEME}://127.0.0.1:0", "--then-exit", "--tap",
            "--suite", "compression,time,attacks", *COMMON]
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
    try:
        code = judge.wait(60 * PATIENCE) or (0 if client.returncode == 1 else 1)
    except subprocess.TimeoutExpired:  # the client never came to it
        judge.terminate()
        judge.wait()
        code = 1
    tap.join()
    rest.join()
    for text in client.stderr.splitlines()[-3:]:
        print("#", text)
    print("# the client ended with", client.returncode)
    return code


sys.exit(test_client() if IO == "client" else test_server())
