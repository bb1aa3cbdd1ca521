# SPDX-License-Identifier: MIT
"""Makes a C header of the built-in page: embed.py PAGE.html OUT.h

The page must hold exactly one <style> and one <script>; their hashes are what the
Content-Security-Policy lets run.
"""
import base64
import hashlib
import re
import sys


def sole(tag, html):
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    if len(found) != 1:
        sys.exit(f"embed.py: {len(found)} <{tag}> elements instead of one")
    if re.search(r"@[A-Z]+@", found[0]):
        sys.exit(f"embed.py: a value to fill in within <{tag}> would change its hash")
    digest = hashlib.sha256(found[0].encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


def main():
    page, out = sys.argv[1:]
    with open(page, encoding="utf-8", newline="") as f:
        html = f.read()
    octets = html.encode()
    rows = [octets[i : i + 20] for i in range(0, len(octets), 20)]
    with open(out, "w", encoding="utf-8") as f:
        f.write("/* Made from serve_page.html. */\n")
        f.write(f'#define SERVE_PAGE_SCRIPT_HASH "{sole("script", html)}"\n')
        f.write(f'#define SERVE_PAGE_STYLE_HASH "{sole("style", html)}"\n')
        f.write("static const unsigned char serve_page_template[] = {\n")
        for row in rows:
            f.write("".join(f"{o}," for o in row) + "\n")
        f.write("};\n")


main()
