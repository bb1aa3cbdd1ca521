# SPDX-License-Identifier: MIT
"""The tables of bench/verdicts: of what lies in its folder, and nothing else."""
import collections
import json
import os
import re

from processes import Failed

AUTOBAHN = ("autobahn", "9", *(f"12.{i}" for i in range(1, 6)), *(f"13.{i}" for i in range(1, 8)))
SUITES = {14: "handshake", 15: "handshake", 16: "masking", 17: "frames", 18: "limits", 19: "close",
          20: "ping", 21: "compression", 22: "time", 23: "attacks"}
VERDICTS = ["OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED"]
UNCLEAN = "UNCLEAN"
# Octets that a client may come to hold before it is ended: the machine is for others, too.
MOST_MEMORY = 4 << 30


def order(case):
    return [int(n) for n in case.split(".")]


class Results:
    """What lies in the folder: of each peer, server or client, what each case came to in each
    round."""

    def __init__(self, folder, side):
        self.side = side
        self.parts, programs = {}, set()
        for name in os.listdir(folder):
            found = re.fullmatch(r"([\w.-]+?)-(\d+)-([a-z\d.]+)\.json", name)
            if not found:
                continue
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                part = json.load(f)
            if part.get("side", "server") != side:
                raise Failed(f"{folder} has results of {part['side']}s")
            programs.add(part["program"])
            for case in part["deadly"]:
                part["results"][case][0] = "FAILED"
            self.parts[found.group(1), int(found.group(2)), found.group(3)] = part
        if len(programs) > 1:
            raise Failed(f"{folder} has results of {len(programs)} programs")
        self.peers = list(dict.fromkeys(peer for peer, _, _ in self.parts))

    def rounds(self, peer, part):
        return [p for (s, _, n), p in sorted(self.parts.items()) if (s, n) == (peer, part)]

    def any_of(self, peer, key):
        return next(p[key] for (s, _, _), p in self.parts.items() if s == peer)

    def all_of(self, key, peers, parts):
        return sorted({p[key] for (s, _, n), p in self.parts.items() if s in peers and n in parts},
                      key=str)


def verdict(result):
    """A closing that failed fails the case."""
    behavior, closing, _ = result
    return "FAILED" if "FAILED" in (behavior, closing) or closing == "WRONG CODE" else behavior


def counts(results):
    found = collections.Counter(verdict(r) for r in results)
    return [found[v] for v in VERDICTS]


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head),
            *("| " + " | ".join(map(str, row)) + " |" for row in rows)]


def varying(results, peers, parts):
    """Of each peer the cases whose verdict was not the same in each round, and what it was."""
    for peer in peers:
        for part in parts:
            rounds = results.rounds(peer, part)
            for case in sorted(rounds[0]["results"], key=order):
                was = [verdict(r["results"][case]) for r in rounds]
                if len(set(was)) > 1:
                    yield peer, case, was


def group(case):
    return ".".join(case.split(".")[:2])


def shorten(cases, size):
    """Of a group that has many the number alone."""
    groups = collections.defaultdict(list)
    for case in cases:
        groups[group(case)].append(case)
    return ", ".join(f"{name}.\\* ({len(them)} of {size[name]})" if len(them) > 6
                     else ", ".join(them) for name, them in groups.items())


def sizes(results, peer, parts):
    return collections.Counter(group(case) for part in parts
                               for case in results.rounds(peer, part)[0]["results"])


def tell_varying(results, peers, parts):
    lines = []
    for s in peers:
        found = collections.defaultdict(list)
        for _, case, was in varying(results, [s], parts):
            found[", then ".join(was)].append(case)
        lines += [f"- {results.any_of(s, 'label')}: {shorten(cases, sizes(results, s, parts))}: {was}"
                  for was, cases in found.items()]
    if not lines:
        return ["No verdict varied between the runs."] if is_repeated(results, peers, parts) else []
    return ["Verdicts that varied:", "", *lines]


def is_repeated(results, peers, parts):
    return any(len(results.rounds(s, p)) > 1 for s in peers for p in parts)


def tell_deadly(results, peers, parts):
    lines = []
    for s in peers:
        found = {}
        for r in (r for part in parts for r in results.rounds(s, part)):
            for case, how in r["deadly"].items():
                found.setdefault(how, set()).add(case)
        for how, cases in sorted(found.items(), key=str):
            cases = shorten(sorted(cases, key=order), sizes(results, s, parts))
            lines.append(f"- {results.any_of(s, 'label')}: {cases}: {how_it_ended(how)}")
    return lines and ["", "Cases in which the process ended:", "", *lines]


def how_it_ended(how):
    if how == "hangs":
        return "it hung, and was ended"
    if how == "swells":
        return f"it took more than {MOST_MEMORY >> 30} GiB of memory, and was ended"
    return f"signal {-how}" if how < 0 else f"exit code {how}"


def tell_failed(results, peer, parts):
    """The cases that failed in any round."""
    failed = [case for part in parts
              for rounds in [results.rounds(peer, part)]
              for case in sorted(rounds[0]["results"], key=order)
              if any(verdict(r["results"][case]) == "FAILED" for r in rounds)]
    return shorten(failed, sizes(results, peer, parts)) or "none"


def complete(results, parts, wanted):
    """Of these parts those that there are, and the peers that have all of them."""
    parts = [p for p in parts if any(n == p for _, _, n in results.parts)]
    return parts, [s for s in sorted(results.peers, key=wanted)
                   if parts and all(results.rounds(s, part) for part in parts)]


def say_run(results, peers, parts, what):
    dates = results.all_of("date", peers, parts)
    times = {len(results.rounds(s, p)) for s in peers for p in parts}
    loads = [round(p["load"]) for (s, _, n), p in results.parts.items()
             if s in peers and n in parts and p.get("load") is not None]
    load = (f", while {' to '.join(map(str, sorted({min(loads), max(loads)})))} threads wanted to run "
            f"on {results.any_of(peers[0], 'cores')} cores (the average over a minute)"
            if loads else "")
    seconds = results.all_of("vitality", peers, parts)
    often = " or ".join(map(str, sorted(times)))
    return (f"{what} by one and the same program on {' and '.join(dates)}, each "
            f"{'once' if often == '1' else often + ' times'}{load}; vitalitySeconds="
            f"{' or '.join(f'{v:g}' for v in seconds)}."
            f"{'' if often == '1' else ' Counts are those of the first.'}")


def autobahn_tables(results, parts, peers):
    rows = []
    for s in peers:
        first = [r for p in parts for r in results.rounds(s, p)[0]["results"].values()]
        messages = {p["messages"] for part in parts for p in results.rounds(s, part)}
        rows.append([results.any_of(s, "label"), " or ".join(sorted(str(m or 1000) for m in messages)),
                     *counts(first), sum(r[1] == UNCLEAN for r in first),
                     tell_failed(results, s, parts)])
    return [say_run(results, peers, parts, "Autobahn's cases, run"), "",
            *table([results.side.title(), "messages", "OK", "non-strict", "informational",
                    "unimplemented", "failed", "not clean", "which failed"], rows), "",
            *tell_varying(results, peers, parts), *tell_deadly(results, peers, parts), ""]


def other_tables(results, parts, peers):
    sums, rows = {s: [0] * len(VERDICTS) for s in peers}, []
    for part in parts:
        row = [f"{part} {SUITES[int(part)]}"]
        for s in peers:
            these = counts(results.rounds(s, part)[0]["results"].values())
            sums[s] = [a + b for a, b in zip(sums[s], these)]
            row.append(" / ".join(map(str, these)))
        rows.append(row)
    rows.append(["**all**", *(" / ".join(map(str, sums[s])) for s in peers)])
    return [say_run(results, peers, parts, "Categories from 14 up, run"), "",
            *table(["", *(results.any_of(s, "label") for s in peers)], rows), "",
            *tell_varying(results, peers, parts), *tell_deadly(results, peers, parts), "",
            *table([results.side.title(), "Version", "`--limit`", "Failed"],
                   [[results.any_of(s, "label"), results.any_of(s, "version") or "unknown",
                     results.any_of(s, "limit") or "none", tell_failed(results, s, parts)]
                    for s in peers]), ""]


def tables(results, wanted):
    lines = []
    for write, wanted_parts in ((autobahn_tables, AUTOBAHN), (other_tables, map(str, SUITES))):
        parts, peers = complete(results, wanted_parts, wanted)
        if peers:
            lines += write(results, parts, peers)
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).rstrip("\n") + "\n"


def write_docs(path, marks, text):
    with open(path, encoding="utf-8") as f:
        old = f.read()
    new, n = re.subn(f"(<!-- {marks}: begin -->\n).*(<!-- {marks}: end -->\n)",
                     lambda m: m.group(1) + text + m.group(2), old, flags=re.S)
    if n != 1:
        raise Failed(f"{path} has no two marks of {marks}")
    with open(path, "w", encoding="utf-8") as f:
        f.write(new)
