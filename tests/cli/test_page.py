#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plain HTTP on the WebSocket port: the built-in page and its headers, 404, 426."""
import base64
import hashlib
import re

from cli_harness import Server, check, get, http, run_tests, same, test


@test
def page_and_its_headers():
    with Server("-s", "chat", "-s", "v2.chat") as server:
        status, fields, body = get(server.urls[0], "/")
        same(status, 200, "status")
        same(fields["content-type"], "text/html; charset=utf-8", "type")
        same(int(fields["content-length"]), len(body), "length")
        same(fields["connection"].lower(), "close", "connection")
        same(fields["x-content-type-options"], "nosniff", "sniffing")
        same(fields["referrer-policy"], "no-referrer", "referrer")
        html = body.decode()
        check('<meta name="websock-path" content="/ws">' in html, "path")
        check('<meta name="websock-subprotocols" content="chat v2.chat">' in html, "subprotocols")
        check("@PATH@" not in html and "@MODE@" not in html, "a value was not filled in")
        server.wait_log("http peer=127.0.0.1:[0-9]+ method=GET target=/ status=200")
        same(server.stop(), 0, "exit code")


@test
def policy_lets_run_what_the_page_brings_and_nothing_else():
    with Server() as server:
        _, fields, body = get(server.urls[0], "/")
        html = body.decode()
        policy = fields["content-security-policy"]
        check(policy.startswith("default-src 'none'; "), policy)
        check("unsafe" not in policy, policy)
        for tag, directive in [("script", "script-src"), ("style", "style-src")]:
            found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
            same(len(found), 1, f"number of {tag} elements")
            digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
            check(f"{directive} 'sha256-{digest}'" in policy, f"hash of the {tag}: {policy}")
        same(re.findall(r"\son\w+\s*=", re.sub(r"<script>.*</script>", "", html, flags=re.DOTALL)),
             [], "inline handlers, which the policy would not run")
        same(re.findall(r"(?:src|href)=\"(?!data:)[^\"]*\"", html), [], "links to elsewhere")
        same(re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", html),
             [], "ways for a message to become markup")
        same(server.stop(), 0, "exit code")


@test
def head_has_no_body():
    with Server() as server:
        _, with_body, body = get(server.urls[0], "/")
        status, fields, nothing = get(server.urls[0], "/", method="HEAD")
        same(status, 200, "status")
        same(nothing, b"", "body")
        same(int(fields["content-length"]), len(body), "length")
        same(fields, with_body, "fields")
        same(server.stop(), 0, "exit code")


@test
def other_paths():
    with Server() as server:
        url = server.urls[0]
        for target in ["/favicon.ico", "/ws/", "/WS", "/../ws", "//"]:
            status, _, body = get(url, target)
            same(status, 404, target)
            check(body.endswith(b"\n"), "a sentence")
        status, fields, body = get(url, "/ws")
        same(status, 426, "a plain request for the WebSocket")
        same(fields["upgrade"].lower(), "websocket", "what to upgrade to")
        same(fields["sec-websocket-version"], "13", "version")
        check(b"WebSocket" in body, body)
        status, _, _ = get(url, "/?query")
        same(status, 200, "page with a query")
        status, _, _ = http(url, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        same(status, 405, "POST")
        same(server.stop(), 0, "exit code")


@test
def handshakes_must_ask_for_the_path():
    upgrade = ("GET {} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d2Vic29jayB0ZXN0IGtleQ==\r\n\r\n")
    with Server(urls=("ws://127.0.0.1:0/deep/er",)) as server:
        for target in ["/", "/ws", "/deep", "/deep/er/"]:
            status, _, _ = http(server.urls[0], upgrade.format(target).encode())
            same(status, 404, target)
        server.wait_log("refuse peer=127.0.0.1:[0-9]+ status=404")
        same(server.stop(), 0, "exit code")


@test
def path_is_escaped():
    # Characters that a URL may hold and markup must not.
    with Server(urls=("ws://127.0.0.1:0/a&b'c",)) as server:
        _, _, body = get(server.urls[0], "/")
        check(b'content="/a&amp;b' in body, body[:1000])
        same(server.stop(), 0, "exit code")


@test
def any_path():
    with Server(urls=("ws://127.0.0.1:0/*",)) as server:
        _, _, body = get(server.urls[0], "/")
        check(b'<meta name="websock-path" content="/">' in body, "path")
        status, _, _ = get(server.urls[0], "/whatever")
        same(status, 426, "status")
        same(server.stop(), 0, "exit code")


@test
def no_page():
    with Server("--no-page") as server:
        status, _, _ = get(server.urls[0], "/")
        same(status, 404, "status")
        check("browser" not in server.banner, server.banner)
        same(server.stop(), 0, "exit code")


run_tests()
