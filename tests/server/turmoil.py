#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Everything at once to the threads of "websock serve": turmoil.py WEBSOCK IO [SECONDS]

An echo server and a broadcast server, four workers each, with and without TLS, are loaded by
"websock bench": echoes, compressed ones, broadcasts between the workers, and handshakes, so that
connections come and go. Meanwhile SIGHUP has them read certificates again, of which some are
others, and some broken; then SIGTERM drains them under full load. For builds that look at threads
and memory: a report of a sanitizer fails the test. Prints TAP.
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from crowd import LATE, PATIENCE, Server, expect, skip_without

# How a connection may end, or not begin, that is under way when the server goes.
ENDS = re.compile(r"closed by the server with 1001|the server ended the connection|no answer, since|"
                  r"the connection broke: (Connection reset|Broken pipe)|TLS: |sending failed|"
                  r"cannot connect: Connection (refused|reset)|no WebSocket: 503|"
                  r"it ended before anything was measured|no answer within")

LOADS = {
    "echo": (("plain", "echo", "-c", "30", "-p", "4"), ("tls", "echo", "-c", "10"),
             ("plain", "echo", "-c", "10", "-s", "100K"),
             ("plain", "echo", "-c", "6", "-s", "2000", "--deflate"),
             ("plain", "handshake", "-c", "8"), ("tls", "handshake", "-c", "4")),
    "broadcast": (("plain", "broadcast", "-c", "25", "-p", "4"),
                  ("plain", "handshake", "-c", "6"), ("tls", "handshake", "-c", "3")),
}


def make_certificates(folder):
    """The octets of two files with a certificate and its key, and of a broken one."""
    texts = []
    for i in range(2):
        key, cert = (os.path.join(folder, "%s%d" % (name, i)) for name in ("key", "cert"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
            check=True, capture_output=True)
        with open(key, encoding="ascii") as k, open(cert, encoding="ascii") as c:
            texts.append(c.read() + k.read())
    return (texts[0], texts[1], texts[0][:len(texts[0]) // 2])


class Turmoil:
    def __init__(self, websock, io, mode, folder, texts):
        self.websock, self.mode, self.texts = websock, mode, texts
        self.path = os.path.join(folder, mode)
        self.write(0)
        self.server = Server(websock, io, "--workers", "4", "--" + mode, "--drain",
                             "%gs" % LATE, "--linger-timeout", "500ms", certificate=self.path)
        self.loads, self.reloads = [], 0

    def write(self, i):
        # At once: a reload must see the one or the other.
        with open(self.path + ".new", "w", encoding="ascii") as f:
            f.write(self.texts[i])
        os.rename(self.path + ".new", self.path)

    def load(self, seconds):
        for i, (where, mode, *args) in enumerate(LOADS[self.mode]):
            scheme = "ws" if where == "plain" else "wss"
            url = "%s://127.0.0.1:%d/ws?load%d" % (scheme, getattr(self.server, where), i)
            self.loads.append(subprocess.Popen(
                [self.websock, "bench", "-m", mode, *args, "-w", "0", "-d", "%gs" % (20 * seconds),
                 "--open-timeout", "%gs" % LATE, "--timeout", "%gs" % LATE, "--json",
                 *(["--insecure"] if scheme == "wss" else []), url],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))

    def is_loaded(self):
        """Whether the server has seen each load with all its connections."""
        words = self.server.words()
        return all(words.count("target=/ws?load%d" % i) >= int(what[3])
                   for i, what in enumerate(LOADS[self.mode]))

    def reload(self):
        self.reloads += 1
        self.write(self.reloads % len(self.texts))
        self.server.child.send_signal(signal.SIGHUP)

    def drain(self):
        self.server.child.send_signal(signal.SIGTERM)
        words = self.server.end(sent=True)
        measured = 0
        for client in self.loads:
            client.send_signal(signal.SIGINT) # those of handshakes try on and on
        for client, what in zip(self.loads, LOADS[self.mode]):
            out, err = client.communicate(timeout=2 * LATE)
            expect("Sanitizer" not in err, "a report: %s", err)
            expect(client.returncode in (0, 1), "bench %s: %d: %s", what, client.returncode, err)
            if out == "":  # so slow a machine that it went before the first answer
                expect("before anything was measured" in err, "bench %s: %s", what, err)
                continue
            figures = json.loads(out)
            measured += 1
            print("# %s %s: %d messages, %d connections" % (
                self.mode, " ".join(what), figures["messages"], figures["opening"]["connections"]))
            # Of nine that begin at once on a slow machine one may not have got to anything.
            expect(figures["messages"] > 0 or "before anything was measured" in out + err,
                   "bench %s: nothing came: %s", what, err)
            expect(figures["wrong"] == 0, "bench %s: wrong messages: %s", what, err)
            odd = [e for e in figures["error_reasons"] if not ENDS.search(e["reason"])]
            expect(not odd, "bench %s: %s", what, odd)
        expect(measured > 0, "no load of %s came to anything", self.mode)
        good, bad = (len(re.findall(text, words)) for text in (
            "certificates were read again", "the old certificates stay in use"))
        print("# %s: %d signals, %d reloads, %d refused" % (self.mode, self.reloads, good, bad))
        expect(good > 0 and bad > 0, "%d reloads, %d refused", good, bad)

    def kill(self):
        for child in self.loads:
            child.kill()
            child.communicate()
        self.server.kill()


def turmoil(websock, io, seconds):
    with tempfile.TemporaryDirectory() as folder:
        texts, all_of_them = make_certificates(folder), []
        try:
            for mode in LOADS:
                all_of_them.append(Turmoil(websock, io, mode, folder, texts))
            for one in all_of_them:
                one.load(seconds)
            end = time.monotonic() + seconds
            # Once each kind of file has been read and all loads are there, however slow they are.
            while time.monotonic() < end or not all(
                    "read again" in words and "stay in use" in words
                    for words in [one.server.words() for one in all_of_them]) or not all(
                    one.is_loaded() for one in all_of_them):
                expect(time.monotonic() < end + LATE, "no reload or no load within %g s", LATE)
                for one in all_of_them:
                    one.reload()
                time.sleep(0.1)
            for one in all_of_them:
                one.drain()
        finally:
            if sys.exc_info()[0] is not None:
                for one in all_of_them:
                    one.kill()


def main():
    websock, io = sys.argv[1:3]
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 5
    skip_without(websock, io)
    print("1..1\n# %g s of patience" % (30 * PATIENCE))
    try:
        turmoil(websock, io, seconds)
        print("ok 1 - turmoil %s" % io)
    except Exception as e:
        print("# " + traceback.format_exc().replace("\n", "\n# "))
        print("not ok 1 - turmoil %s: %s" % (io, str(e).split("\n")[0]))
        sys.exit(1)


if __name__ == "__main__":
    main()
