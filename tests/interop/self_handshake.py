#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Categories 14 and 15 of "websock test", the opening handshake: against "websock serve", and for
"websock connect --testee". FILE WEBSOCK IO SCHEME"""
import json
import os
import re
import subprocess
import sys
import tempfile

from harness import IO, PATIENCE, SCHEME, WEBSOCK, Server, missing_backend, skip_all

if why := missing_backend():
    skip_all(why)

# These have a time limit of less than a second, which is no matter of a machine that has other
# things to do.
TIMED = re.compile(r"14\.(2\.18|6\.13|8\.\d+)$")
failed = 0


def judge(number, name, lines, count, codes):
    """One test point: no case failed, none was less than strict, all were there, and the programs
    ended with (code, wanted)."""
    global failed
    results = [json.loads(line) for line in lines]
    bad = [f"{r['id']} {r['behavior']} {r['behaviorClose']}: {r['why']}" for r in results
           if r["behavior"] not in ("OK", "INFORMATIONAL")
           and not (r["behavior"] == "NON-STRICT" and TIMED.match(r["id"]))
           or r["behaviorClose"] not in ("OK", "INFORMATIONAL")]
    if len(results) != count:
        bad.append(f"{len(results)} cases of {count}")
    bad += [f"exit code {code} instead of {wanted}" for code, wanted in codes if code != wanted]
    print(f"{'not ' if bad else ''}ok {number} - {name}")
    for line in bad:
        print("#", line)
    failed += bool(bad)


def listed(*args):
    return len(subprocess.run([WEBSOCK, "test", "--list", "--suite", "handshake", *args], check=True,
                              capture_output=True, text=True).stdout.splitlines())


def lines_of(path):
    with open(path, encoding="utf-8") as f:
        return f.readlines()


print("1..4", flush=True)
with tempfile.TemporaryDirectory() as home:
    out = os.path.join(home, "results")
    server = Server()
    common = ["--no-report", "--json", out, "--option", f"vitalitySeconds={10 * PATIENCE}",
              # By default ours lets in pages of the same host alone.
              "--option", "checksOrigin=1"]
    args = ["--suite", "handshake", *common]
    trust = ["--insecure"] if SCHEME == "wss" else []
    # What a sanitizer keeps is no growth of the server.
    watched = [] if os.environ.get("INTEROP_SANITIZED") else ["--pid", str(server.process.pid)]
    code = subprocess.run([WEBSOCK, "test", server.url, *args, "--quiet", *watched, *trust],
                          check=False).returncode
    server.stop()
    judge(1, "the server", lines_of(out), listed(), [(code, 0)])

    judged = subprocess.Popen([WEBSOCK, "test", "--serve", f"{SCHEME}://127.0.0.1:0", "--then-exit",
                               *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
    url = None
    seen = ""
    for line in judged.stdout:
        seen += line
        if found := re.search(r"wss?://127\.0\.0\.1:\d+", line):
            url = found.group(0)
            break
    assert url, seen
    # Answers that are wrong fail a client: that some cases could not be run is right.
    code = subprocess.run([WEBSOCK, "connect", "--testee", "--io", IO, url, *trust], check=False,
                          capture_output=True).returncode
    judged.communicate(timeout=60 * PATIENCE)
    judge(2, "the client", lines_of(out), listed("--serve", "ws://localhost"),
          [(code, 1), (judged.returncode, 0)])

    # Foreign origins, whoever else may come; and it is seen where they are let in.
    for number, name, origin, wanted in ((3, "the origins of a list", "https://app.test", 0),
                                         (4, "any origin", "*", 1)):
        server = Server("--origin", origin)
        code = subprocess.run([WEBSOCK, "test", server.url, "--cases", "14.13.*", *common, "--quiet",
                               *trust], check=False).returncode
        server.stop()
        lines = lines_of(out)
        judge(number, name, lines if wanted == 0 else [], len(lines) if wanted == 0 else 0,
              [(code, wanted)])
sys.exit(1 if failed else 0)
