# SPDX-License-Identifier: MIT
"""Ports for servers that are to be told one before they run."""
import contextlib
import fcntl
import os
import random
import socket
import tempfile

_given = set()


def free_port():
    """One on which nobody listens, and will not by chance: it is none of those that the system gives
    to whoever asks for any, as the tests beside this one do, and never given twice."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        first = int(f.read().split()[0])
    while True:
        port = random.randrange(10000, first) if first > 11000 else 0
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            port = s.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def port_alone(port):
    """A context that one test has at a time: for programs whose port is settled."""
    name = os.path.join(tempfile.gettempdir(), f"websock-test-port-{port}-{os.getuid()}")
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(fd, "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield
