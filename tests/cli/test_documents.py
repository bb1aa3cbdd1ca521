#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the documents say and can be checked: code that they quote, links, man pages."""
import os
import re
import shutil
import subprocess

from cli_harness import PROGRAM, Skip, check, run_tests, same, test

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return f.read()


def documents():
    found = [n for n in os.listdir(ROOT) if n.endswith(".md")]
    found += [f"docs/{n}" for n in os.listdir(os.path.join(ROOT, "docs")) if n.endswith(".md")]
    check(len(found) >= 5, f"only {found}")
    return found


@test
def server_of_the_readme_is_the_example():
    blocks = re.findall(r"^```c\n(.*?)^```$", read("README.md"), re.MULTILINE | re.DOTALL)
    check(read("examples/echo_server.c") in blocks, "no block of README.md is echo_server.c")


@test
def server_of_the_readme_is_short():
    lines = [x for x in read("examples/echo_server.c").splitlines() if x and x[0] != "/"]
    check(len(lines) <= 20, f"{len(lines)} lines")


@test
def links_lead_somewhere():
    for name in documents():
        text = re.sub(r"```.*?```", "", read(name), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"\w+:", target) or target.startswith("#"):
                continue
            path = os.path.join(ROOT, os.path.dirname(name), target.split("#")[0])
            check(os.path.exists(path), f"{name}: {target}")


@test
def man_pages_are_well_formed():
    if shutil.which("mandoc") is None:
        raise Skip("mandoc is missing")
    pages = [n for n in os.listdir(os.path.join(ROOT, "docs")) if re.search(r"\.\d$", n)]
    check(pages, "no man pages")
    for page in pages:
        r = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True,
                           text=True, cwd=os.path.join(ROOT, "docs"))
        same(r.stdout, "", page)
        same(r.returncode, 0, page)


@test
def versions_agree():
    version = re.search(r'WSK_VERSION_STRING "(.*)"', read("include/websock/version.h")).group(1)
    check(re.search(rf"^## \[.*{re.escape(version)}", read("CHANGELOG.md"), re.MULTILINE),
          f"CHANGELOG.md does not know {version}")


def plain(text):
    """A default of the table as --help would say it"""
    text = text.replace("`", "").replace("_", "-")
    text = re.sub(r"(\d),(?=\d{3})", r"\1", text)
    return re.sub(r"(?<=\d) (K|M|G)iB|(?<=\d) (s|m)(?:in)?\b", lambda m: m[1] or m[2], text)


@test
def limits_of_the_design_are_those_of_the_help():
    text = subprocess.run([PROGRAM, "serve", "--help"], capture_output=True, text=True).stdout
    helped = {}
    for group in ["Handshake", "Limits", "Deadlines"]:
        section = re.search(rf"^{group}:\n(.*?)\n\n", text, re.MULTILINE | re.DOTALL).group(1)
        for row in re.split(r"\n(?=  (?:-\w, |    )--)", "\n" + section)[1:]:
            name, value, rest = re.match(r"\s+(?:-\w, )?--([a-z-]+) (\w+)(.*)", row,
                                         re.DOTALL).groups()
            if value in ["SIZE", "N", "TIME"]:
                helped[name] = re.search(r"\[([^[]*)\]$", " ".join(rest.split())).group(1)
    # How frames are cut when they are sent is nothing that a client controls.
    helped.pop("fragment-size")
    check(len(helped) >= 25, f"only {sorted(helped)}")
    limits = re.search(r"^## Limits\n(.*?)^## ", read("docs/design.md"),
                       re.MULTILINE | re.DOTALL).group(1)
    described = {}
    for row in re.findall(r"^\| ([^|]*) \| ([^|]*) \| `([a-z_]+)`[^|]*\|", limits, re.MULTILINE):
        described[row[2].replace("_", "-")] = plain(row[1])
    for name in ["max-redirects", "connect-timeout"]:  # of the client
        described.pop(name)
    same(described, helped, "limits and defaults of docs/design.md")


def sources_of_tests():
    text = []
    for folder, _, names in os.walk(os.path.join(ROOT, "tests")):
        text += [read(os.path.join(folder, n)) for n in names if n.endswith((".c", ".py"))]
    return "\n".join(text)


def not_there(text, cases, tests):
    """What stands in a cell of a table and is neither a case, nor a test, nor a conversation"""
    missing = []
    for name in re.findall(r"`(test_\w+)`", text):
        if not re.search(rf"\b{name}\(|def {name[5:]}\(", tests):
            missing.append(name)
    for name in re.findall(r"`(\w+\.txt)`", text):
        if not os.path.exists(os.path.join(ROOT, "tests/conn/conversations", name)):
            missing.append(name)
    family = ""
    for start, number in re.findall(r"(?<![\w.-])((?:\d+(?:\.\d+)?)?)\.(\d+|\\?\*)", text):
        family = start or family
        if number.endswith("*"):
            found = any(case.startswith(f"{family}.") for case in cases)
        else:
            found = f"{family}.{number}" in cases
        if not found:
            missing.append(f"{family}.{number}")
    return missing


@test
def cases_and_tests_of_the_tables_exist():
    cases = set()
    for serve in [], ["--serve", "ws://localhost"]:
        r = subprocess.run([PROGRAM, "test", "--list", "--suite", "all", *serve],
                           capture_output=True, text=True, check=True)
        cases |= {line.split()[0] for line in r.stdout.splitlines()}
    tests = sources_of_tests()
    for text in "14.99.1", "18.1.1 to .77", "77.\\*", "`test_that_nobody_wrote`", "`no.txt`":
        check(not_there(text, cases, tests), f"{text} is not missed")
    limits = re.search(r"^## Limits\n(.*?)^### ", read("docs/design.md"), re.M | re.S).group(1)
    attacks = re.search(r"^### Attacks\n(.*?)^## ", read("docs/conformance.md"), re.M | re.S).group(1)
    for table, columns, least in (limits, (-1,), 35), (attacks, (2, 3), 30):
        rows = [re.split(r" ?\| ?", row) for row in re.findall(r"^\| (.*) \|$", table, re.M)[1:]]
        check(len(rows) >= least, f"only {len(rows)} rows")
        for row in rows:
            if row[-1] == "Seen by":
                continue
            for column in columns:
                same(not_there(row[column], cases, tests), [], f"what is not there of {row}")


@test
def targets_of_the_makefile_exist():
    makefile = read("Makefile")
    for name in documents():
        for target in re.findall(r"^    (?:sudo )?make +([a-z-]+)", read(name), re.MULTILINE):
            check(re.search(rf"^{target}:", makefile, re.MULTILINE), f"{name}: make {target}")


run_tests()
