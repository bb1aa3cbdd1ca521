#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All 517 cases of "websock test" against "websock serve", strict and with few messages: each case
is a test point. FILE WEBSOCK IO SCHEME"""
import subprocess
import sys

from harness import SCHEME, WEBSOCK, Server, missing_backend, skip_all

if why := missing_backend():
    skip_all(why)

server = Server()
trust = ["--insecure"] if SCHEME == "wss" else []
# The suite prints the TAP itself.
code = subprocess.run([WEBSOCK, "test", server.url, "--strict", "--tap", "--no-report",
                       "--messages", "2", *trust]).returncode
server.stop()
sys.exit(code)
