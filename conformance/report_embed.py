# SPDX-License-Identifier: MIT
"""Makes a C header of the style and the scripts of report pages: report_embed.py OUT.h FILE...

NAME.EXT becomes NAME_EXT, a string (as an array: C has a limit for
literals), and NAME_EXT_HASH, what the Content-Security-Policy of a
page calls it.
"""
import base64
import hashlib
import os
import re
import sys


def literal(text):
    octets = text.encode() + b"\0"
    rows = [octets[k : k + 24] for k in range(0, len(octets), 24)]
    return "{\n" + "\n".join("    " + "".join(f"{o}," for o in row) for row in rows) + "\n}"


def main():
    out, files = sys.argv[1], sys.argv[2:]
    with open(out, "w", encoding="ascii") as f:
        f.write("/* Made by report_embed.py. */\n")
        for path in files:
            with open(path, encoding="ascii", newline="") as g:
                text = g.read()
            # Neither may end the element that it stands in.
            if re.search(r"</(style|script)", text, re.IGNORECASE):
                sys.exit(f"{path}: holds the end of its element")
            name = re.sub(r"\W", "_", os.path.basename(path))
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            f.write(f'#define {name.upper()}_HASH "sha256-{digest}"\n')
            f.write(f"static const char {name}[] =\n{literal(text)};\n")


main()
