#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client made with libwebsockets against "websock serve". FILE WEBSOCK IO SCHEME LWS_ECHO"""
import subprocess
import sys
import time

from harness import (IO, PATIENCE, SCHEME, Server, add, certificate, equal, missing_backend, note,
                     run_tests, skip_all)

if len(sys.argv) < 5:
    skip_all("libwebsockets-dev was not there when this was built")
if why := missing_backend():
    skip_all(why)


# With the extension on, libwebsockets 4.1 reports messages that come uncompressed twice: hence the
# threshold.
def echoes(offer, args, extensions):
    server = Server(*args)
    done = subprocess.run(
        [sys.argv[4], str(server.port), certificate()[0] if SCHEME == "wss" else "-", offer],
        capture_output=True, text=True, timeout=40 * PATIENCE)
    equal((done.returncode, done.stdout), (0, f"{21 if offer == 'deflate' else 23} messages\n"), f"the client's result ({done.stderr})")
    deadline = time.monotonic() + 5 * PATIENCE
    while " close " not in server.log and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ("extensions=" in server.log) == extensions, server.log
    assert "code=1000 clean=yes" in server.log, server.log
    server.stop()


add("plain", echoes, "plain", (), False)
add("compression offered, and not taken", echoes, "deflate", ("--no-compression",), False)
add("compressed", echoes, "deflate", ("--compression-threshold", "1"), True)
add("compressed, in a small window without context takeover", echoes, "deflate",
    ("--compression-threshold", "1", "--server-window-bits", "9", "--client-window-bits", "9",
     "--server-no-context-takeover", "--client-no-context-takeover"), True)
add("fragments from the server", echoes, "deflate",
    ("--compression-threshold", "1", "--fragment-size", "1000"), True)

note(f"{IO}, {SCHEME}")
run_tests()
