# SPDX-License-Identifier: MIT
"""Processes that bench/run and bench/verdicts start, so that none is left behind. Knows no servers."""
import os
import signal
import socket
import subprocess
import time


class Failed(Exception):
    """What was started did not do what it is for."""


def stop(process):
    """With all that it started: it leads a session of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


class Started:
    """A process in a session of its own, on one core if that is said, that is gone behind a with
    block. Who ends us while it begins has to wait until it is known which one it is."""

    held = pending = False

    def __init__(self, command, out, log, cpu=None, environment=None, **more):
        self.arguments = {
            "args": command, "stdin": subprocess.DEVNULL, "stdout": out, "stderr": log,
            "env": {**os.environ, **(environment or {})}, "start_new_session": True, **more}
        if cpu is not None:
            self.arguments["preexec_fn"] = lambda: os.sched_setaffinity(0, {cpu})

    def __enter__(self):
        Started.held = True
        try:
            self.process = subprocess.Popen(**self.arguments)
        finally:
            Started.held = False
        if Started.pending:
            stop(self.process)
            raise KeyboardInterrupt
        return self.process

    def __exit__(self, *error):
        stop(self.process)


def interrupt(number, frame):
    Started.pending = True
    if not Started.held:
        raise KeyboardInterrupt


def clean_up_when_ended():
    """Neither signal leaves a process behind, even where a shell had them ignored."""
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def children(pid):
    """Whom it has started and not waited for."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def wait_until_it_listens(process, port, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failed(f"the server ended with code {process.returncode}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise Failed(f"the server does not listen after {seconds} s")
