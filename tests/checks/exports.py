#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the shared library shows to the world: exports.py LIBRARY HEADER...

Only names of the form wsk_[a-z]..., and exactly those that the public headers declare with
WSK_API: one too many is a promise nobody meant to make, one too few a program that does not link.
Prints TAP. Tries itself on lists that are wrong before.
"""
import re
import subprocess
import sys

PUBLIC = re.compile(r"wsk_[a-z]\w*\Z")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def exported(nm_output):
    return {line.split()[-1].split("@")[0] for line in nm_output.splitlines() if line.strip()}


def declared(header):
    text = COMMENT.sub(" ", header)
    text = re.sub(r"^[ \t]*#.*(?:\\\n.*)*", "", text, flags=re.MULTILINE)
    names = set()
    for m in re.finditer(r"\bWSK_API\b([^;{]*)[;{]", text):
        name = re.search(r"(\w+)\s*\(", m.group(1)) or re.search(r"(\w+)\s*(?:\[[^]]*\])?\s*\Z",
                                                                 m.group(1))
        names.add(name.group(1))
    return names


def foreign(symbols):
    return sorted(s for s in symbols if not PUBLIC.match(s))


TRIALS = [
    ("a foreign name", lambda: foreign(exported("0000 T wsk_version\n0010 T inflate_it\n")),
     ["inflate_it"]),
    ("an internal name", lambda: foreign(exported("0000 T wsk__mask\n0000 B wsk_table\n")),
     ["wsk__mask"]),
    ("a name of a linker version", lambda: foreign(exported("0 T wsk_version@@WSK_0\n")), []),
    ("declarations", lambda: sorted(declared(
        "#define WSK_API x(y)\n/* WSK_API int wsk_no(void); */\nWSK_API int wsk_a(int b(int),\n"
        "  int) WSK_WARN_UNUSED;\nWSK_API const char *wsk_b(void);\nint wsk_c(void);\n")),
     ["wsk_a", "wsk_b"]),
]


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: exports.py LIBRARY HEADER...")
    points = [(name, "" if run() == wanted else f"found {run()}") for name, run, wanted in TRIALS]
    nm = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], check=True,
                        capture_output=True, text=True)
    symbols = exported(nm.stdout)
    promised = set()
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as f:
            promised |= declared(f.read())
    points += [
        ("the library shows something", "" if symbols else "no symbols"),
        ("only wsk_[a-z] names are exported", " ".join(foreign(symbols))),
        ("everything that is exported is declared",
         " ".join(sorted(s for s in symbols - promised if PUBLIC.match(s)))),
        ("everything that is declared is exported", " ".join(sorted(promised - symbols))),
    ]
    for n, (name, wrong) in enumerate(points, 1):
        print(f"{'not ok' if wrong else 'ok'} {n} - {name}")
        if wrong:
            print(f"# {wrong}")
    print(f"1..{len(points)}")
    sys.exit(any(wrong for _, wrong in points))


main()
