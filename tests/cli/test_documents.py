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


@test
def targets_of_the_makefile_exist():
    makefile = read("Makefile")
    for name in documents():
        for target in re.findall(r"^    (?:sudo )?make +([a-z-]+)", read(name), re.MULTILINE):
            check(re.search(rf"^{target}:", makefile, re.MULTILINE), f"{name}: make {target}")


run_tests()
