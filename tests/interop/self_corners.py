#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compression, time and attacks beyond Autobahn's (21 to 23) against "websock serve", and "websock
connect --testee" against them, strict: each case is a test point. FILE WEBSOCK IO
SCHEME, where IO "client-epoll" is for our client on epoll."""
import json
import os
import re
import subprocess
import sys
import tempfile

from harness import IO, PATIENCE, SANITIZED, SCHEME, WEBSOCK, Server
from harness import judged_client, missing_backend, skip_all

if why := missing_backend():
    skip_all(why)

# With limits so short each case of time has to be decided by one of them: for information is what
# came too late, or was not there. What must come back intact is not for such limits.
SERVER_LIMITS = ["--ping-interval", "300ms", "--ping-timeout", "300ms",
                 "--open-timeout", "500ms", "--message-timeout", "500ms", "--write-timeout", "500ms",
                 "--close-timeout", "400ms", "--linger-timeout", "400ms"]
CLIENT_LIMITS = SERVER_LIMITS[:-2]
INTACT = "22.4.5,22.4.6,22.4.7"
# With limits, and without.
PARTS = [["--suite", "time", "--exclude", INTACT],
         ["--suite", "compression,attacks", "--cases", INTACT]]
COMMON = ["--strict", "--no-report", "--patience", f"{3 * PATIENCE}s",
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


def decided(tap, results):
    """The TAP, in which what was for information has failed, and how many those are."""
    with open(results, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    vague = {r["id"] for r in lines if "INFORMATIONAL" in (r["behavior"], r["behaviorClose"])}
    return re.sub(r"^ok (\d+ - (\S+).*)$",
                  lambda m: f"not ok {m[1]}\n# no limit decided it" if m[2] in vague else m[0],
                  tap, flags=re.M), len(vague)


def run_all(run, limits):
    """run(options of the judge, limits of the peer) gives the TAP and what is wrong with the codes"""
    n = code = 0
    for part in PARTS:
        limited = part is PARTS[0]
        with tempfile.TemporaryDirectory() as home:
            results = os.path.join(home, "results")
            tap, bad = run([*part, *COMMON, "--json", results], limits if limited else [])
            if limited:
                tap, vague = decided(tap, results)
                bad = bad or vague
        print(renumber(tap, n), end="", flush=True)
        n += len(re.findall(r"^(?:not )?ok ", tap, re.M))
        code = code or bad
    print(f"1..{n}")
    return 1 if code else 0


def run_server(judge_options, limits):
    server = Server(*limits)
    look = [] if SANITIZED else ["--pid", str(server.process.pid)]
    look += ["--insecure"] if SCHEME == "wss" else []
    r = subprocess.run([WEBSOCK, "test", server.url, "--tap", *judge_options, *look],
                       stdout=subprocess.PIPE, text=True)
    server.stop()
    return r.stdout, r.returncode


def run_client(judge_options, limits):
    tap, code, client = judged_client(judge_options, limits, IO[7:])
    # Answers that are wrong fail a client: that some cases could not be run is right.
    return tap, (code, client) != (0, 1)


if IO.startswith("client-"):
    sys.exit(run_all(run_client, CLIENT_LIMITS))
sys.exit(run_all(run_server, SERVER_LIMITS))
