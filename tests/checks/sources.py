#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rules that the compiler does not know: sources.py RULE ROOT

RULE is one of those in RULES below. Each rule is first tried on small bad and good trees of its
own, so that a rule that finds nothing any more is a failure too; then it is applied to ROOT.
Prints TAP.
"""
import os
import re
import sys

# ------------------------------------------------------------------------------------- trees


def read_tree(root):
    """Path (relative, with slashes) to text, for every source file of the project."""
    tree = {}
    for folder, folders, files in os.walk(root):
        if "meson-private" in folders:  # somebody's build, whatever it is called
            folders[:] = []
            continue
        folders[:] = sorted(
            d for d in folders
            if not d.startswith((".", "build")) and d not in ("node_modules", "debian"))
        for name in sorted(files):
            path = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
            if name.endswith((".c", ".h", ".py", ".sh", ".txt")):
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                    tree[path] = f.read()
    return tree


def is_c(path):
    return path.endswith((".c", ".h"))


TOKEN = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE)


def code_only(text):
    """The text with comments and the insides of literals blanked, line by line as before."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group())
    return TOKEN.sub(blank, text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


# ------------------------------------------------------------------------------------- rules

# What a folder of src may include besides itself and the public headers.
LAYERS = {
    "util": [],
    "wire": ["util"],
    "http": ["util"],
    "deflate": ["util"],
    "conn": ["util", "wire", "http", "deflate"],
    # Octets in and out of the machine: it knows nothing of WebSocket.
    "net": ["util"],
    # A stream and a connection, whoever owns them.
    "link": ["util", "conn", "net"],
    "server": ["util", "wire", "http", "deflate", "conn", "net", "link"],
    "client": ["util", "wire", "http", "deflate", "conn", "net", "link"],
}
# What the programs may include besides public headers and their own folder: leaves, which hold no
# state of a connection. The judge does not trust the endpoint that it judges, so nothing that
# decodes frames, inflates or keeps a conversation may come from there.
PROGRAMS = {
    # The load generator has a loop and frames of its own, so that it costs less than what it loads.
    "cli": {"conformance/", "http/extension_field.h", "http/handshake.h", "http/url.h",
            "net/tls_session.h", "util/attr.h", "wire/frame.h", "wire/mask.h", "wire/utf8.h"},
    "conformance": {"http/url.h", "net/tls_cert.h", "util/attr.h", "wire/mask.h", "wire/utf8.h"},
}
# The public endpoint is for the roles in which wstest is judged itself: echo servers and clients.
ENDPOINT = re.compile(r"websock/(?:client|conn|extension|loop|server|websock)\.h")
STANDARD = {
    "assert.h", "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h", "stddef.h",
    "stdint.h", "stdio.h", "stdlib.h", "string.h", "sys/socket.h", "sys/types.h", "sys/uio.h",
    "time.h",
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)


def layers(tree):
    """Includes point one way: util <- wire, http, deflate <- conn, net <- link <- server, client."""
    for path, text in tree.items():
        if not is_c(path):
            continue
        parts = path.split("/")
        for m in INCLUDE.finditer(text):
            kind, target = m.groups()
            where = f"{path}:{line_of(text, m.start())}"
            if ".." in target:
                yield f"{where}: {target}: a path that goes up"
            if parts[0] == "include":
                if kind == '"' or not (target.startswith("websock/") or target in STANDARD):
                    yield f"{where}: {target}: a public header includes only public ones"
            elif parts[0] == "src" and len(parts) == 3:
                yield from layers_of_source(where, parts[1], kind, target, tree)
            elif parts[0] in PROGRAMS:
                yield from layers_of_program(where, parts[0], kind, target, tree)
            if (parts[0] == "conformance" and not parts[-1].startswith("wstest")
                    and ENDPOINT.fullmatch(target)):
                yield f"{where}: {target}: the judge must not use the endpoint that it judges"


def layers_of_source(where, folder, kind, target, tree):
    if folder not in LAYERS:
        yield f"{where}: folder src/{folder} has no place in the order of layers"
        return
    if kind == "<":
        if f"src/{target}" in tree or target in tree:
            yield f"{where}: {target}: own headers stand in quotes"
        return
    aim = target.split("/")[0] if "/" in target else ""
    if aim not in LAYERS:
        yield f"{where}: {target}: not FOLDER/FILE of src"
    elif aim != folder and aim not in LAYERS[folder]:
        yield f"{where}: {target}: src/{folder} must not know src/{aim}"


def layers_of_program(where, folder, kind, target, tree):
    if kind == "<":
        if f"src/{target}" in tree or target in tree:
            yield f"{where}: {target}: own headers stand in quotes"
        return
    aim = target.split("/")[0] + "/" if "/" in target else folder + "/"
    if aim != folder + "/" and not PROGRAMS[folder] & {aim, target}:
        yield f"{where}: {target}: {folder} must not know it"


def names(tree):
    """A file name tells which file is meant, wherever it stands."""
    seen = {}
    for path in tree:
        if path.endswith(".txt"):
            continue
        other = seen.setdefault(path.split("/")[-1], path)
        if other != path:
            yield f"{path}: the same name as {other}"


FILE_MAX, FUNCTION_MAX = 1000, 100
ALLOWED = "tests/checks/allowed_lengths.txt"


def functions(text):
    """Name, first line, and number of lines of each function, as .clang-format lays them out."""
    lines = code_only(text).split("\n")
    start = None
    for i, line in enumerate(lines):
        if line == "{":
            start = i
        elif line == "}" and start is not None:
            head = start - 1
            while head > 0 and lines[head - 1].strip() and lines[head - 1][-1] not in ";}":
                head -= 1
            m = re.search(r"(\w+)\s*\(", " ".join(lines[head:start]))
            yield (m.group(1) if m else "?"), start + 1, i - start + 1
            start = None


def lengths(tree):
    """Files up to 1,000 lines and functions up to 100, or a reason in the list of exceptions."""
    allowed = {}
    for n, line in enumerate(tree.get(ALLOWED, "").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        what, _, reason = line.partition(" ")
        if len(reason.strip()) < 10:
            yield f"{ALLOWED}:{n}: {what}: no reason given"
        allowed[what] = n
    for path, text in tree.items():
        if not path.endswith((".c", ".h", ".py")):
            continue
        n = text.count("\n")
        if n > FILE_MAX and allowed.pop(path, None) is None:
            yield f"{path}: {n} lines, {FILE_MAX} is the limit"
        if not is_c(path):
            continue
        for name, line, n in functions(text):
            if n > FUNCTION_MAX and allowed.pop(f"{path}:{name}", None) is None:
                yield f"{path}:{line}: {name}() has {n} lines, {FUNCTION_MAX} is the limit"
    for what, n in allowed.items():
        yield f"{ALLOWED}:{n}: {what}: needs no exception any more"


def licence(tree):
    """The licence is the first line of each file (the second of a script)."""
    for path, text in tree.items():
        if is_c(path):
            if not text.startswith("/* SPDX-License-Identifier: MIT */\n"):
                yield f"{path}:1: not the licence line"
        elif path.endswith((".py", ".sh")):
            if "# SPDX-License-Identifier: MIT" not in text.split("\n")[:2]:
                yield f"{path}:1: no licence line"


BANNED = {
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "strcpy": "memcpy", "stpcpy": "memcpy",
    "strcat": "memcpy", "strncat": "memcpy", "gets": "fgets", "alloca": "an array or the heap",
    "atoi": "strtol and its checks", "atol": "strtol and its checks",
    "atoll": "strtoll and its checks", "atof": "strtod and its checks", "strtok": "strcspn",
    "rand": "wsk__random, or a generator with a fixed seed", "srand": "wsk__random",
    "tmpnam": "mkstemp", "mktemp": "mkstemp",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")


def banned(tree):
    """Functions that cannot be used safely, comments of the wrong kind, unfinished work."""
    for path, text in tree.items():
        if not is_c(path):
            continue
        for m in CALL.finditer(code_only(text)):
            name = m.group(1)
            yield f"{path}:{line_of(text, m.start())}: {name}(): use {BANNED[name]}"
        for m in TOKEN.finditer(text):
            if m.group().startswith("//"):
                yield f"{path}:{line_of(text, m.start())}: a // comment"
        for m in re.finditer(r"\b(TODO|FIXME|XXX|HACK)\b", text):
            yield f"{path}:{line_of(text, m.start())}: {m.group()}"


# ------------------------------------------------------------- small trees, bad ones and good

LICENCE = "/* SPDX-License-Identifier: MIT */\n"


def function(lines):
    return "static int f(int a,\n             int b)\n{\n" + "    a++;\n" * (lines - 2) + "}\n"


# Rule: [(the tree, the number of findings)]
TRIALS = {
    layers: [
        ({"src/wire/a.c": '#include "conn/conn_state.h"\n'}, 1),
        ({"src/util/a.c": '#include "wire/mask.h"\n'}, 1),
        ({"src/net/a.c": '#include "http/head.h"\n'}, 1),
        ({"src/http/a.c": '#include "deflate/pmd.h"\n'}, 1),
        ({"src/server/a.c": '#include "client/b.h"\n'}, 1),
        ({"src/link/a.h": '#include "server/b.h"\n#include "client/b.h"\n'}, 2),
        ({"src/net/a.c": '#include "link/link.h"\n', "src/conn/a.c": '#include "link/link.h"\n'}, 2),
        ({"src/conn/a.c": '#  include "server/b.h"\n'}, 1),
        ({"src/conn/a.c": '#include "conformance/result.h"\n#include "cli/options.h"\n'}, 2),
        ({"src/conn/a.c": '#include "../wire/mask.h"\n'}, 2),
        ({"src/wire/a.c": '#include "mask.h"\n'}, 1),
        ({"src/wire/a.c": "#include <conn/b.h>\n", "src/conn/b.h": ""}, 1),
        ({"src/wire/a.c": "#include <cli/b.h>\n", "cli/b.h": ""}, 1),
        ({"src/other/a.c": "#include <stdio.h>\n"}, 1),
        ({"include/websock/a.h": '#include "util/mem.h"\n'}, 1),
        ({"include/websock/a.h": "#include <openssl/ssl.h>\n"}, 1),
        ({"conformance/a.c": '#include "conn/a.h"\n#include "deflate/pmd.h"\n'
          '#include "server/a.h"\n#include "client/a.h"\n'}, 4),
        ({"conformance/a.c": '#include "wire/frame.h"\n#include "cli/options.h"\n'}, 2),
        ({"conformance/a.c": "#include <conn/b.h>\n", "src/conn/b.h": ""}, 1),
        ({"conformance/a.c": "#include <websock/conn.h>\n#include <websock/websock.h>\n"}, 2),
        ({"cli/a.c": '#include "conn/a.h"\n#include "deflate/pmd.h"\n'}, 2),
        ({"conformance/wstest_a.c": "#include <websock/conn.h>\n"}, 0),
        ({"conformance/a.c": '#include <websock/base.h>\n#include "wire/mask.h"\n'
          '#include "conformance/b.h"\n#include "data.h"\n'}, 0),
        ({"cli/a.c": '#include "conformance/b.h"\n#include "wire/utf8.h"\n#include "b.h"\n'}, 0),
        ({"src/net/a.c": '#include <net/if.h>\n#include "util/mem.h"\n'}, 0),
        ({"src/wire/a.c": '#include <stdio.h>\n#include "util/mem.h"\n#include "wire/mask.h"\n'
          "#include <websock/base.h>\n"}, 0),
        ({"src/conn/a.c": '#include "deflate/pmd.h"\n#include "http/head.h"\n'}, 0),
        ({"src/server/a.c": '#include "conn/a.h"\n#include "net/stream.h"\n'}, 0),
        ({"include/websock/a.h": "#include <stdint.h>\n#include <websock/base.h>\n"}, 0),
    ],
    names: [
        ({"src/wire/a.c": "", "src/conn/a.c": ""}, 1),
        ({"src/wire/a.c": "", "src/wire/a.h": "", "tests/x.txt": "", "docs/x.txt": ""}, 0),
    ],
    lengths: [
        ({"a.c": "\n" * 1001}, 1),
        ({"a.c": "\n" * 1000}, 0),
        ({"a.c": function(101)}, 1),
        ({"a.c": function(100)}, 0),
        ({"a.c": function(101), ALLOWED: "a.c:f one switch over a table of the standard\n"}, 0),
        ({"a.c": "\n" * 1001, ALLOWED: "a.c a list that a program wrote\n"}, 0),
        ({"a.c": function(101), ALLOWED: "a.c:f\n"}, 1),
        ({"a.c": function(9), ALLOWED: "a.c:f one switch over a table of the standard\n"}, 1),
    ],
    licence: [
        ({"a.c": "int a;\n"}, 1),
        ({"a.h": "\n" + LICENCE}, 1),
        ({"a.py": "#!/usr/bin/env python3\nimport os\n"}, 1),
        ({"a.c": LICENCE, "a.sh": "#!/bin/sh\n# SPDX-License-Identifier: MIT\n"}, 0),
    ],
    banned: [
        ({"a.c": "    strcpy(a, b);\n"}, 1),
        ({"a.c": "    x = atoi (s) + rand();\n"}, 2),
        ({"a.c": "    // note\n"}, 1),
        ({"a.c": "/* TO" + "DO: later */\n"}, 1),
        ({"a.c": '/* strcpy(a, b) */ puts("gets(x)"); /* http://x */ my_rand(); h->rand();\n'}, 0),
        ({"a.c": 'snprintf(a, n, "http://%s", s); c = \'"\'; d = "\\"//";\n'}, 0),
    ],
}
RULES = {rule.__name__: rule for rule in TRIALS}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in RULES:
        sys.exit(f"usage: sources.py {'|'.join(RULES)} ROOT")
    rule, failed, n = RULES[sys.argv[1]], 0, 0
    for n, (tree, wanted) in enumerate(TRIALS[rule], 1):
        findings = list(rule(tree))
        good = len(findings) == wanted
        failed += not good
        print(f"{'ok' if good else 'not ok'} {n} - trial {n}: {wanted} findings")
        if not good:
            print("\n".join(f"# {f}" for f in findings))
    tree = read_tree(sys.argv[2])
    if sum(map(is_c, tree)) < 10:
        print(f"Bail out! {sys.argv[2]} holds no sources")
        sys.exit(1)
    findings = list(rule(tree))
    print(f"{'not ok' if findings else 'ok'} {n + 1} - {rule.__doc__}")
    print("\n".join(f"# {f}" for f in findings) if findings else f"# {len(tree)} files")
    print(f"1..{n + 1}")
    sys.exit(bool(findings or failed))


main()
