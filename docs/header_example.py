#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program in the comments of a public header, as C: header_example.py HEADER NUMBER OUTPUT

A program is what is indented by four more than the comment around it, and has a main()."""
import re
import sys

INCLUDES = ["errno.h", "fcntl.h", "poll.h", "signal.h", "stdio.h", "sys/socket.h", "sys/uio.h",
            "time.h", "unistd.h", "websock/websock.h"]

header, number, output = sys.argv[1:]
with open(header, encoding="utf-8") as f:
    lines = f.read().split("\n")
programs, code = [], []
for line in lines + ["end"]:
    if re.match(r" \*     \S|  *\*      ", line) or (code and line == " *"):
        code.append(line[7:])
    elif code:
        if any("main(" in c for c in code):
            programs.append("\n".join(code).rstrip() + "\n")
        code = []
with open(output, "w", encoding="utf-8") as f:
    f.write("".join(f"#include <{i}>\n" for i in INCLUDES) + "\n")
    f.write(programs[int(number)])
