#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program in the EXAMPLES of a man page, as C: manual_example.py PAGE OUTPUT"""
import re
import sys

page, output = sys.argv[1:]
with open(page, encoding="utf-8") as f:
    examples = f.read().split(".Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
code = re.search(r"^\.Bd -literal\n(.*?)^\.Ed$", examples, re.MULTILINE | re.DOTALL).group(1)
code = re.sub(r"^\\&", "", code, flags=re.MULTILINE).replace("\\e", "\\")
with open(output, "w", encoding="utf-8") as f:
    f.write(code)
