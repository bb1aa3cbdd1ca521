#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each public header by itself: headers.py LANGUAGE INCLUDE_DIR HEADER... -- COMPILER...

LANGUAGE is c11 or c++17. A program that includes nothing but the header, twice, and initialises
every option struct with its macro must compile without a warning. Prints TAP. Tries itself on
headers that are wrong before.
"""
import os
import re
import subprocess
import sys
import tempfile

# What a program may well have switched on.
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Werror"]


def initialised(header):
    """Lines that use each WSK_..._INIT macro of a header for a struct of the matching type."""
    lines = []
    for macro in re.findall(r"^#define (WSK_\w+_INIT)\b", header, re.MULTILINE):
        kind = macro[:-len("_INIT")].lower()
        lines.append(f"{kind} of_{kind} = {macro};")
    return lines


def compile_alone(compiler, language, include, name, text):
    source = f"#include <{name}>\n#include <{name}>\n"
    if "+" in language:
        # The habit of C++ programs that do not trust C headers to say it themselves.
        source = f'extern "C" {{\n{source}}}\n'
    source += "\n".join(initialised(text)) + "\n"
    source += "int last_line;\n"
    run = subprocess.run(
        [*compiler, f"-std={language}", "-x", "c++" if "+" in language else "c", *WARNINGS,
         "-fsyntax-only", "-I", include, "-"],
        input=source, capture_output=True, text=True)
    return run.stderr if run.returncode else ""


WRONG = {
    "no_types.h": "#ifndef A\n#define A\nsize_t f(void);\n#endif\n",
    "no_guard.h": "struct a { int b; };\n",
    "warns.h": "#ifndef A\n#define A\nstatic inline int f(int a) { return 1; }\n#endif\n",
    "macro.h": "#ifndef A\n#define A\ntypedef struct { int a; } wsk_x;\n"
               "#define WSK_X_INIT {\"a\"}\n#endif\n",
}
RIGHT = "#ifndef A\n#define A\n#include <stddef.h>\nextern size_t a;\n#endif\n"


def trials(compiler, language):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**WRONG, "right.h": RIGHT}.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)
            errors = compile_alone(compiler, language, folder, name, text)
            if name in WRONG:
                yield f"trial: {name} is refused", "" if errors else "it was not"
            else:
                yield f"trial: {name} is accepted", errors


def main():
    if "--" not in sys.argv[4:]:
        sys.exit("usage: headers.py LANGUAGE INCLUDE_DIR HEADER... -- COMPILER...")
    split = sys.argv.index("--")
    language, include, *headers = sys.argv[1:split]
    compiler = sys.argv[split + 1:]
    points = list(trials(compiler, language))
    for path in headers:
        name = os.path.relpath(path, include)
        with open(path, encoding="utf-8") as f:
            points.append((f"{name} as {language}",
                           compile_alone(compiler, language, include, name, f.read())))
    for n, (name, wrong) in enumerate(points, 1):
        print(f"{'not ok' if wrong else 'ok'} {n} - {name}")
        for line in wrong.splitlines():
            print(f"# {line}")
    print(f"1..{len(points)}")
    sys.exit(any(wrong for _, wrong in points))


main()
