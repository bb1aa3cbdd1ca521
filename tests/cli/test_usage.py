#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Command lines: what is wrong is said in one line, help names every option."""
import os
import re
import signal
import socket
import subprocess
import tempfile

from cli_harness import PATIENCE, PROGRAM, Server, check, run_tests, same, test, wait_until
from cli_harness import websock


def wrong(args, *words):
    """args must give exit code 2 and one line that holds the words."""
    r = websock(*args)
    same(r.returncode, 2, f"exit code of {args}")
    same(r.stdout, "", f"stdout of {args}")
    same(r.stderr.count("\n"), 1, f"lines for {args}: {r.stderr!r}")
    for word in words:
        check(word in r.stderr, f"{args}: {word!r} is missing in {r.stderr!r}")


def fails(args, *words):
    """The same for exit code 1: the command line is right but the world is not."""
    r = websock(*args)
    same(r.returncode, 1, f"exit code of {args}: {r.stderr!r}")
    same(r.stdout, "", f"stdout of {args}")
    same(r.stderr.count("\n"), 1, f"lines for {args}: {r.stderr!r}")
    for word in words:
        check(word in r.stderr, f"{args}: {word!r} is missing in {r.stderr!r}")


@test
def commands_that_do_not_exist():
    wrong([], "websock help")
    wrong(["srve"], "did you mean", "serve")
    wrong(["halp"], "did you mean", "help")
    wrong(["quux"], "no command", "websock help")
    wrong(["--serve"], "no option")
    wrong(["help", "quux"], "no command")


@test
def output_that_cannot_be_written():
    if not os.path.exists("/dev/full"):
        return
    with open("/dev/full", "wb") as full:
        for args in (["help"], ["--version"], ["help", "serve"], ["connect", "--help"]):
            r = subprocess.run([PROGRAM, *args], stdout=full, stderr=subprocess.PIPE,
                               timeout=PATIENCE, check=False)
            same(r.returncode, 1, f"exit code of {args}")
            check(b"cannot write the output" in r.stderr, r.stderr)


@test
def options_that_do_not_exist():
    wrong(["serve", "--max-mesage", "1"], "--max-mesage", "did you mean --max-message?")
    wrong(["serve", "--broadcst"], "did you mean --broadcast?")
    wrong(["serve", "--compression"], "did you mean --compression-")
    wrong(["serve", "--zzzzzzzz"], "--help")
    wrong(["serve", "-Z"], "-Z")
    wrong(["serve", "-qZ"], "-Z")


@test
def options_with_wrong_values():
    wrong(["serve", "--workers"], "wants a value")
    wrong(["serve", "--workers", "0"], "--workers", "at least 1")
    wrong(["serve", "--workers", "99999999"], "at most")
    wrong(["serve", "-w", "two"], "a number", '"two"')
    wrong(["serve", "--workers="], "a number")
    wrong(["serve", "--quiet=yes"], "takes no value")
    wrong(["serve", "--max-message", "16X"], "octets", '"16X"')
    wrong(["serve", "--max-message", "-1"], "octets")
    wrong(["serve", "--max-message", "0"], "at least 1")
    wrong(["serve", "--max-message", "99999999999999999999"], "octets")
    wrong(["serve", "--max-message", "18446744073709551615T"], "octets")
    wrong(["serve", "--ping-interval", "5 minutes"], "a time")
    wrong(["serve", "--ping-interval", "100000d"], "at most")
    wrong(["serve", "--drain", "never"], "a time")
    wrong(["serve", "--io", "kqueue"], "auto, uring, epoll")
    wrong(["serve", "--compression-level", "10"], "at most 9")
    wrong(["serve", "--server-window-bits", "7"], "at least 8")


@test
def options_that_do_not_fit_together():
    wrong(["serve", "--max-queued", "1K", "--high-water", "2K"], "--high-water must", "--max-queued")
    wrong(["serve", "--subprotocol", "a b"], "subprotocol")
    wrong(["serve", "wss://127.0.0.1:0/"], "--tls-cert", "--tls-self-signed")
    wrong(["serve", "--tls-self-signed"], "wss")
    wrong(["serve", "--tls13-only"], "--tls13-only", "of no use without a wss URL")
    wrong(["serve", "ws://127.0.0.1:0/", "--tls-ciphers", "nonsense"], "--tls-ciphers", "wss")
    wrong(["serve", "wss://127.0.0.1:0/", "--tls13-only"], "needs --tls-cert")
    wrong(["serve", "ws://127.0.0.1:0/ws?a=b"], "ws://127.0.0.1:0/ws?a=b", "query")
    wrong(["serve", "ws://127.0.0.1:0/chat/*"], "ws://127.0.0.1:0/chat/*", "asterisk")
    wrong(["serve", "wss://127.0.0.1:0/", "--tls-self-signed", "--tls-cert", "x"], "exclude")
    wrong(["serve", "wss://127.0.0.1:0/", "--tls-cert", "a", "--tls-cert", "b", "--tls-key", "c"],
          "2 --tls-cert", "1 --tls-key")
    wrong(["serve", "wss://127.0.0.1:0/", "--tls-self-signed", "--tls-verify-client"],
          "--tls-client-ca")
    wrong(["serve", "--message-burst", "5"], "--max-message-rate")
    wrong(["serve", "--octet-burst", "5"], "--max-octet-rate")
    wrong(["serve", "--handshake-burst", "5"], "--max-handshake-rate")


@test
def origins_and_hosts_that_are_none():
    for origin in ["example.org", "https://example.org/", "https://", "localhost:80", ""]:
        wrong(["serve", "--origin", "https://a.example", "--origin", origin], f'"{origin}"',
              "https://example.org")
    for host in ["https://example.org", "example.org:80", "a b", ""]:
        wrong(["serve", "--host", host], "--host", f'"{host}"')


@test
def urls_that_are_none():
    for url in ["http://127.0.0.1/", "127.0.0.1:80", "ws", ""]:
        wrong(["serve", url], "ws:")
    wrong(["serve", "ws://127.0.0.1:99999/ws"], "99999")
    wrong(["serve", "ws://127.0.0.1:0/ws#part"], "#part")


@test
def arguments_do_not_reach_the_terminal_raw():
    r = websock("serve", "--\x1b]0;title\x07")
    same(r.returncode, 2, "exit code")
    check("\x1b" not in r.stderr and "\x07" not in r.stderr, r.stderr)


@test
def help_of_the_program():
    for args in [["help"], ["--help"], ["-h"], ["help", "help"]]:
        r = websock(*args)
        same((r.returncode, r.stderr), (0, ""), f"{args}")
        check("serve" in r.stdout, r.stdout)


@test
def help_of_serve():
    first = websock("serve", "--help")
    same((first.returncode, first.stderr), (0, ""), "serve --help")
    for args in [["serve", "-h"], ["help", "serve"], ["serve", "--quiet", "--help"]]:
        same(websock(*args).stdout, first.stdout, f"{args}")
    for group in ["What it does:", "Limits:", "Deadlines:", "Log (to stderr):"]:
        check(f"\n{group}\n" in first.stdout, group)
    longest = max(len(line) for line in first.stdout.splitlines())
    check(longest <= 80, f"a line of {longest} characters")


@test
def man_page_and_help_name_the_same_options():
    page = os.path.join(os.path.dirname(__file__), "../../docs/websock-serve.1")
    with open(page, encoding="utf-8") as f:
        text = f.read()
    described = set(re.findall(r"^\.It (?:Fl \w , )?Fl \\-([\w-]+)", text, re.MULTILINE))
    described |= set(re.findall(r"^\.It Fl \\-([\w-]+)", text, re.MULTILINE))
    helped = set(re.findall(r"^ +(?:-\w, )?--([\w-]+)", websock("serve", "--help").stdout,
                            re.MULTILINE))
    same(sorted(described ^ helped), [], "options that only one of them names")
    check(len(helped) > 40, f"{len(helped)} options")


@test
def version_is_that_of_the_header():
    header = os.path.join(os.path.dirname(__file__), "../../include/websock/version.h")
    with open(header, encoding="utf-8") as f:
        version = re.search(r'WSK_VERSION_STRING "(.*)"', f.read()).group(1)
    for option in ["--version", "-V"]:
        same(websock(option).stdout, f"websock {version}\n", option)


@test
def port_in_use():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        url = f"ws://127.0.0.1:{s.getsockname()[1]}/ws"
        fails(["serve", url], url, "in use")
        fails(["serve", url, "--workers", "3"], url, "in use")


@test
def port_in_use_by_another_that_shares_its_ports():
    with Server("--workers", "2") as server:
        fails(["serve", "--workers", "2", server.urls[0]], server.urls[0], "in use")
        same(server.stop(), 0, "exit code")


@test
def addresses_that_cannot_be_had():
    fails(["serve", "ws://192.0.2.1:0/ws"], "192.0.2.1", "no such address")
    fails(["serve", "ws://name.invalid:0/ws"], "name.invalid")
    fails(["serve", "ws+unix:/nonexistent/folder/socket"], "/nonexistent/folder/socket")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "notes")
        with open(path, "w", encoding="ascii"):
            pass
        fails(["serve", f"ws+unix:{path}:/ws"], path, "a file that is no socket")
        check(os.path.exists(path), "it was removed")


@test
def certificates_that_cannot_be_read():
    with tempfile.TemporaryDirectory() as folder:
        bad = os.path.join(folder, "bad.pem")
        with open(bad, "w", encoding="ascii") as f:
            f.write("this is no certificate\n")
        for path in [bad, os.path.join(folder, "missing.pem")]:
            fails(["serve", "wss://127.0.0.1:0/", "--tls-cert", path], path)


def knows_sigterm(pid):
    """Whether it would not end by it."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        masks = [int(line.split()[1], 16) for line in f if line.startswith(("SigCgt:", "SigBlk:"))]
    return any(mask >> (signal.SIGTERM - 1) & 1 for mask in masks)


@test
def output_that_nobody_reads():
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen([PROGRAM, "serve", "ws://127.0.0.1:0/ws", "--drain", "0"], stdout=write,
                          stderr=write) as p:
        os.close(write)
        try:
            # Until then it must have begun, and know SIGTERM. Memcheck always does.
            wait_until(lambda: knows_sigterm(p.pid) or p.poll() is not None, "it to begin")
            p.wait(PATIENCE / 4 if "WSK_TEST_VALGRIND" in os.environ else 0.5)
            raise AssertionError(f"ended with {p.returncode}")
        except subprocess.TimeoutExpired:
            p.terminate()
        same(p.wait(), 0, "exit code")


run_tests()
