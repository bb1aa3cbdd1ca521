# SPDX-License-Identifier: MIT
"""Where the CPU time of a process goes, and how often it calls the kernel, by perf(1).

Knows no servers and no loads, only a process and for how long.
"""
import os
import re
import shutil
import subprocess

import processes
from processes import Failed

# Samples a second: in step with no timer of a server.
RATE = 4999
KERNEL, PROGRAM = "the kernel", "the program, with liburing"
# By the beginning of a library's file name.
LIBRARIES = {
    "OpenSSL": ("libcrypto", "libssl"),
    "the compressor": ("libz.", "libisal", "libdeflate"),
    "the C library": ("libc.", "libc-", "libm.", "libm-", "libstdc++", "ld-linux", "[vdso]"),
}
GROUPS = (KERNEL, PROGRAM, *LIBRARIES)


def missing():
    """Why there are no profiles here, or None."""
    if shutil.which("perf") is None:
        return "there is no perf(1)"
    for what, line in (("count system calls", ["stat", "-e", "raw_syscalls:sys_enter"]),
                       ("take samples", ["record", "-e", "cpu-clock", "-o", os.devnull])):
        done = subprocess.run(["perf", *line, "--", "true"], capture_output=True)
        if done.returncode != 0:
            return f"perf(1) may not {what}"
    return None


def group(place):
    """Of a sample's file: a path, or a name in brackets."""
    if place.startswith(("[kernel", "[guest.kernel", "[unknown", "[bpf")) or place.endswith(".ko"):
        return KERNEL
    name = os.path.basename(place)
    for which, begins in LIBRARIES.items():
        if name.startswith(begins):
            return which
    return PROGRAM


def shares(text):
    """Of what `perf script -F ip,dso` prints: the share of each group, and how many samples."""
    counts = dict.fromkeys(GROUPS, 0)
    for line in text.splitlines():
        place = re.search(r"\((.*)\)\s*$", line)
        if place:
            counts[group(place[1])] += 1
    samples = sum(counts.values())
    if samples == 0:
        raise Failed("perf(1) took no sample of the server")
    return {name: n / samples for name, n in counts.items()}, samples


def calls(text):
    """Of what `perf stat -x ,` prints: how many system calls there were."""
    count = re.search(r"^(\d+),[^,]*,raw_syscalls:sys_enter", text, re.M)
    if not count:
        raise Failed("perf(1) did not count the system calls of the server")
    return int(count[1])


class Watcher:
    """perf(1) beside a load: nothing for so many seconds, then so many of looking at it."""

    def __init__(self, folder, cpu, after, seconds):
        self.data, self.said = (os.path.join(folder, n) for n in ("perf.data", "perf.txt"))
        self.cpu, self.after, self.seconds = cpu, after, seconds

    def beside(self, pid, counting):
        """A process to be started with the load; what it found is read once that is over."""
        what = (["stat", "-x", ",", "-o", self.said, "-e", "raw_syscalls:sys_enter"] if counting
                else ["record", "-q", "-e", "cpu-clock", "-F", str(RATE), "-o", self.data])
        for path in (self.data, self.said):
            if os.path.exists(path):
                os.remove(path)
        return processes.Started(
            ["sh", "-c", 'sleep "$0"; exec "$@"', str(self.after), "perf", *what, "-p", str(pid),
             "--", "sleep", str(self.seconds)], subprocess.DEVNULL, subprocess.DEVNULL, self.cpu)

    def shares(self):
        done = subprocess.run(["perf", "script", "-i", self.data, "-F", "ip,dso"],
                              capture_output=True, text=True)
        return shares(done.stdout)

    def calls_a_second(self):
        try:
            with open(self.said, encoding="utf-8") as f:
                return calls(f.read()) / self.seconds
        except OSError:
            raise Failed("perf(1) did not count the system calls of the server") from None


def told(found):
    """Of results["profile"]: a sentence, and the rows of a table with its head, maybe none."""
    if "missing" in found:
        return f"Not looked at: {found['missing']}.", []
    rows = [["", "", *GROUPS, "system calls"]]
    for row in found["rows"]:
        parts = [f"{row['shares'][g] * 100:.0f} %" if row["shares"][g] >= 0.005 else ""
                 for g in GROUPS]
        rows.append([row["title"], row["server"], *parts, f"{row['calls']:.2f}"])
    failed = "".join(f" Failed: {text}." for text in found["failures"])
    return (f"By perf(1): {found['seconds']:g} s of samples (cpu-clock), and in a run of its own "
            "as long a count of the system calls, for a message. Shares below half a hundredth are "
            f"left out.{failed}", rows)
