# SPDX-License-Identifier: MIT
"""Running "websock connect" against the servers and proxies of others."""
import os
import subprocess

from harness import IO, PATIENCE, SCHEME, WEBSOCK, certificate, equal, missing_backend, skip_all

if why := missing_backend():
    skip_all(why)


def connect(*args, stdin=b"", env=None):
    """To its end; the certificate of the tests is trusted."""
    trust = ["--cacert", certificate()[0]] if SCHEME == "wss" else []
    return subprocess.run([WEBSOCK, "connect", "--io", IO, *trust, *args], input=stdin, capture_output=True,
                          timeout=60 * PATIENCE, env={**os.environ, **(env or {})}, check=False)


def good(result, stdout):
    equal((result.returncode, result.stderr), (0, b""), "exit code and stderr")
    equal(result.stdout, stdout, "stdout")
