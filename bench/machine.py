# SPDX-License-Identifier: MIT
"""The machine on which bench/run measures: its cores, its network, what it is. Knows no servers."""
import fcntl
import os
import platform
import resource
import shutil
import socket
import struct
import subprocess
import sys
import time

INSIDE = "BENCH_INSIDE_NAMESPACE"


def enter_namespace(notes):
    """Starts this program again in a network namespace of its own, if that is allowed."""
    if os.environ.get(INSIDE) or not sys.platform.startswith("linux"):
        return
    unshare = shutil.which("unshare")
    if unshare is None:
        notes.append("There is no unshare(1): measured in the machine's own network namespace.")
        return
    for more in ([] if os.geteuid() == 0 else ["--map-root-user"], ["--user", "--map-root-user"]):
        line = [unshare, *more, "--net"]
        if subprocess.run([*line, "true"], capture_output=True).returncode == 0:
            sys.stdout.flush()
            os.environ[INSIDE] = "1"
            os.execv(unshare, [*line, sys.executable, *sys.argv])
    notes.append("A network namespace of its own was not permitted: other traffic, and the "
                 "machine's congestion control, are part of the figures.")


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(s, 0x8913, request))[1]  # SIOCGIFFLAGS
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))  # SIOCSIFFLAGS, IFF_UP


def sysctl(name, value=None):
    """Reads, or writes and then reads. None if it is not there."""
    path = "/proc/sys/" + name.replace(".", "/")
    try:
        if value is not None:
            with open(path, "w", encoding="ascii") as f:
                f.write(value)
    except OSError:
        pass
    try:
        with open(path, encoding="ascii") as f:
            return " ".join(f.read().split())
    except OSError:
        return None


def set_up(notes):
    """Settings of the namespace, if it is ours, and of the process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if not os.environ.get(INSIDE):
        return hard
    loopback_up()
    if sysctl("net.ipv4.tcp_congestion_control", "reno") != "reno":
        notes.append("Congestion control could not be set to reno.")
    sysctl("net.ipv4.ip_local_port_range", "20000 65000")
    sysctl("net.core.somaxconn", "8192")
    return hard


def siblings(cpu):
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list",
                  encoding="ascii") as f:
            parts = f.read().strip().split(",")
    except OSError:
        return {cpu}
    found = set()
    for part in parts:
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def cores(server, client, notes):
    """Which core is whose: two that share nothing, if there are."""
    allowed = sorted(os.sched_getaffinity(0))
    if server is None:
        server = allowed[0]
    if client is None:
        apart = [c for c in allowed if c not in siblings(server)]
        other = [c for c in allowed if c != server]
        client = (apart or other or [server])[0]
    if client == server:
        notes.append("There is one core only: server and generator share it, and nothing here "
                     "says how fast either is.")
    elif client in siblings(server):
        notes.append("Server and generator run on two threads of one core.")
    return server, client


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True,
                              timeout=20).stdout.splitlines()[0].strip()
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return None


def field(path, name):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            for text in f:
                key, _, value = text.partition(":" if ":" in text else "=")
                if key.strip() == name:
                    return value.strip().strip('"')
    except OSError:
        pass
    return None


def describe():
    """What is worth knowing of it when figures are compared."""
    return {
        "cpu": field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_kib": int((field("/proc/meminfo", "MemTotal") or "0 kB").split()[0]),
        "kernel": platform.release(),
        "system": field("/etc/os-release", "PRETTY_NAME"),
        "virtual": first_line("systemd-detect-virt", "--vm"),
        "compiler": first_line("cc", "--version"),
        "congestion_control": sysctl("net.ipv4.tcp_congestion_control"),
        "private_network": bool(os.environ.get(INSIDE)),
        "load_before": os.getloadavg()[0],
    }


def busy_seconds(cpus):
    """How long these cores have been busy with anything since the machine started."""
    total, tick = 0, os.sysconf("SC_CLK_TCK")
    with open("/proc/stat", encoding="ascii") as f:
        for line in f:
            name, *values = line.split()
            if name in {f"cpu{n}" for n in cpus}:
                user, nice, system, _, _, irq, softirq, steal = (int(v) for v in values[:8])
                total += user + nice + system + irq + softirq + steal
    return total / tick


def process_seconds(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Which share of two cores' time went to neither the server nor the generator."""

    def __init__(self, cpus, server):
        self.cpus, self.server = set(cpus), server
        self.start = time.monotonic(), busy_seconds(self.cpus), self.own()

    def own(self):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return process_seconds(self.server) + children.ru_utime + children.ru_stime

    def others(self):
        """To be asked when the generator was waited for and the server was not."""
        seconds = (time.monotonic() - self.start[0]) * len(self.cpus)
        busy = busy_seconds(self.cpus) - self.start[1]
        return min(1.0, max(0.0, (busy - (self.own() - self.start[2])) / seconds))
