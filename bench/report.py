# SPDX-License-Identifier: MIT
"""What bench/run measured, as tables for a terminal and for Markdown, and as a page with charts."""
import html
import shlex
import statistics

import perf_profile
from scenarios import METRICS, Target

# Benchmarks of single parts.
PARTS = {"kernels": "Masks and UTF-8, in cache and out of it", "parse": "Frames and handshakes",
         "conn": "A connection without any system call"}
PROFILE = "What the CPU time of a server consists of"

# ------------------------------------------------------------------------------------- numbers


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(rounds, others, metric):
    """Of each round in which both have the metric."""
    found = ratios_of_rounds(rounds, others, metric)
    return spread(found) if found else None


def ratios_of_rounds(rounds, others, metric):
    return [a[metric] / b[metric] for a, b in zip(rounds, others)
            if a and b and a.get(metric) is not None and b.get(metric)]


def differences(rounds, others, metric):
    found = [a[metric] - b[metric] for a, b in zip(rounds, others)
             if a and b and a.get(metric) is not None and b.get(metric) is not None]
    return spread(found) if found else None


def digest(scenario, found, results):
    """A scenario of results.json: all rounds, and what they come to."""
    raw = {s["name"]: s["raw"] for s in results["servers"]}
    for name, one in found.items():
        one["summary"] = {}
        for metric in scenario.metrics:
            values = [r[metric] for r in one["rounds"] if r and r.get(metric) is not None]
            if not values:
                continue
            summary = one["summary"][metric] = spread(values)
            for key, other in (("ratio", results["reference"]), ("raw_ratio", raw[name])):
                if other in found and other != name:
                    summary[key] = ratios(one["rounds"], found[other]["rounds"], metric)
            if metric in ("p50", "p99") and raw[name] in found and raw[name] != name:
                summary["raw_more"] = differences(one["rounds"], found[raw[name]]["rounds"], metric)
            if name == results["reference"]:
                summary["ratio"] = {"median": 1.0, "min": 1.0, "max": 1.0}
    return {"key": scenario.key, "group": scenario.group, "title": scenario.title,
            "main": scenario.main, "brief": scenario.brief, "metrics": scenario.metrics, "arguments": scenario.args,
            "serve": scenario.serve, "targets": [vars(t) for t in scenario.targets],
            "servers": found}


def value_for(target, results, name, summary):
    """What a target is compared with, as a spread, or None."""
    one = summary.get(target.metric)
    if one is None or target.to == "absolute":
        return one
    if target.to in ("reference", "raw", "raw_more"):
        return one.get({"reference": "ratio", "raw": "raw_ratio"}.get(target.to, target.to))
    # Another scenario, of the same server: their rounds have nothing to do with each other.
    for scenario in results["scenarios"]:
        other = scenario["servers"].get(name, {}).get("summary", {}).get(target.metric)
        if scenario["key"] == target.to and other:
            return {"median": one["median"] / other["median"], "min": one["min"] / other["max"],
                    "max": one["max"] / other["min"]}
    return None


def judged(results, scenario):
    """(target, {server: (spread, met)}) of all targets."""
    for t in (Target(**t) for t in scenario["targets"]):
        found = {}
        for name, one in scenario["servers"].items():
            value = value_for(t, results, name, one["summary"])
            if value is not None:
                found[name] = value, t.met(value["median"])
        yield t, found


def goal_value(target, x):
    if target.to == "absolute":
        return shown(target.metric, x)
    return f"{x:+.1f}" if target.to == "raw_more" else decimal(x, 2)


def decimal(x, digits):
    """With as many digits as are worth something: three of a small number."""
    if digits > 0 and abs(x) >= 100:
        digits = 1 if abs(x) < 1000 else 0
    elif digits > 1 and abs(x) >= 10:
        digits = 2
    elif digits > 2 and abs(x) < 0.1:
        digits = 4
    return f"{x:,.{digits}f}"


def shown(metric, x):
    return decimal(x, METRICS[metric][2])


def times(ratio):
    return "" if ratio is None else f"{ratio['median']:.2f}"


def spread_of(ratio):
    return f"{ratio['min']:.2f} to {ratio['max']:.2f}"


def ours(results):
    return [s for s in results["servers"] if s["ours"]]


def label(results, name):
    return next((s["label"] for s in results["servers"] if s["name"] == name), name)


def conditions(results):
    m, s = results["machine"], results["settings"]
    where = f"{m['cpu']}, {m['cores']} cores" + (f", {m['virtual']}" if m.get("virtual") else "")
    yield "Date", results["date"] + (f", websock {results['revision']}"
                                     if results.get("revision") else "")
    yield "Machine", f"{where}; {m['system']}, Linux {m['kernel']}; {m['compiler']}"
    if "others" in m:
        o = {k: f"{100 * v:.0f} %" for k, v in m["others"].items()}
        yield "Others", (f"{o['median']} of the two cores' time went to other programs ({o['min']} "
                         f"to {o['max']} of a measurement); load {m['load_before']:.1f} before, "
                         f"{m['load_after']:.1f} after")
    yield "Network", (("a namespace of its own" if m["private_network"] else "the machine's own "
                       "namespace") + f", loopback, congestion control {m['congestion_control']}")
    yield "Method", (f"{s['rounds']} rounds, one server after the other in each; "
                     f"{s['duration_s']:g} s after {s['warmup_s']:g} s of warming up; servers on "
                     f"core {s['server_cpu']}, the generator on core {s['client_cpu']}")
    if "arguments" in s:
        yield "Command", "bench/run " + shlex.join(s["arguments"])


# ------------------------------------------------------------------------------------ terminal


def columns(rows, right_from=1):
    """Lines of a table whose columns are as wide as they need to be."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        yield "  ".join(c.ljust(w) if i < right_from else c.rjust(w)
                        for i, (c, w) in enumerate(zip(r, widths))).rstrip()


def plain_table(results, scenario):
    """Of the figures that count, the spread and the ratios, too; of others the median."""
    reference = results["reference"]
    full = ("p50", "p99") if scenario["main"] == "p50" else ("rate", "cpu", "memory")
    raw = any(n.startswith("raw-") for n in scenario["servers"])
    head = [""]
    for m in scenario["metrics"]:
        head.append("msg/s" if m == "rate" else f"{m} {METRICS[m][1]}")
        if m in full:
            head += ["+-", f"x {reference}" if reference else ""]
        if m == "cpu" and raw:
            head.append("x raw")
    yield head
    for name, one in scenario["servers"].items():
        row = ["  " + label(results, name)]
        for m in scenario["metrics"]:
            v = one["summary"].get(m)
            row.append(shown(m, v["median"]) if v else
                       "failed" if m == scenario["main"] else "-")
            if m in full:
                half = v and v["median"] and (v["max"] - v["min"]) / 2 / v["median"] * 100
                row += [f"{half:.0f} %", times(v.get("ratio"))] if v else ["", ""]
            if m == "cpu" and raw:
                row.append(times(v.get("raw_ratio")) if v else "")
        yield row


def plain(results):
    lines = []
    for scenario in results["scenarios"]:
        lines += ["", f"{scenario['group']}: {scenario['title']}"]
        lines += columns(list(plain_table(results, scenario)))
        for t, found in judged(results, scenario):
            for s in ours(results):
                if s["name"] in found:
                    v, met = found[s["name"]]
                    lines.append(f"  {'reached' if met else 'MISSED '}  {t.text()}: {s['label']} "
                                 f"{goal_value(t, v['median'])}")
    if results.get("profile"):
        text, rows = perf_profile.told(results["profile"])
        lines += ["", f"{PROFILE}. {text}", *columns([["  " + r[0], *r[1:]] for r in rows])]
    lines.append("")
    for key, text in conditions(results):
        lines.append(f"{key}: {text}")
    lines += ["Note: " + n for n in results["notes"]]
    lines += [f"Left out: {n}: {why}" for n, why in results["missing"].items()]
    return "\n".join(lines)


# ------------------------------------------------------------------------------------ Markdown


def md_table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def md_targets(results):
    """Ours against what is aimed at."""
    mine = ours(results)
    rows = []
    for scenario in results["scenarios"]:
        for t, found in judged(results, scenario):
            row = [f"{scenario['group']}: {scenario['title']}", t.text()]
            for s in mine:
                if s["name"] not in found:
                    row.append("")
                    continue
                v, met = found[s["name"]]
                text = goal_value(t, v["median"])
                row.append(f"{f'**{text}**' if met else text} "
                           f"({goal_value(t, v['min'])} to {goal_value(t, v['max'])})")
            if any(row[2:]):
                rows.append(row)
    if rows:
        yield from md_table(["Work", "Target", *[s["label"] for s in mine]], rows)


def losses(results):
    """(scenario, metric, the peer's label, ours to its, in each round) where a peer is better."""
    mine = ours(results)
    peers = [s for s in results["servers"] if not s["ours"] and not s["name"].startswith("raw-")
             and not s["name"].endswith("-again")]
    for scenario in results["scenarios"]:
        for metric in [m for m in ("rate", "cpu", "p50", "p99", "memory", "wire")
                       if m in scenario["metrics"]]:
            # A latency under full load is nothing but the inverse of the rate.
            if metric in ("p50", "p99") and scenario["main"] != "p50":
                continue
            have = [s for s in mine if metric in scenario["servers"].get(
                s["name"], {}).get("summary", {})]
            if not have:
                continue
            first = have[0]
            found = []
            for peer in [p for p in peers if p["name"] in scenario["servers"]]:
                r = ratios_of_rounds(scenario["servers"][first["name"]]["rounds"],
                                     scenario["servers"][peer["name"]]["rounds"], metric)
                if r:
                    found.append((r, peer))
            if not found:
                continue
            less = METRICS[metric][3]
            r, peer = max(found, key=lambda f: statistics.median(f[0]) * (1 if less else -1))
            if statistics.median(r) > 1.02 if less else statistics.median(r) < 0.98:
                yield scenario, metric, peer["label"], r


def md_losses(results):
    rows = []
    for scenario, metric, peer, r in losses(results):
        lost = sum(1 for x in r if (x > 1 if METRICS[metric][3] else x < 1))
        rows.append([f"{scenario['group']}: {scenario['title']}", METRICS[metric][0], peer,
                     f"{statistics.median(r):.2f} ({spread_of(spread(r))})", f"{lost} of {len(r)}"])
    mine = ours(results)[0]["label"] if ours(results) else ""
    yield from ("", "### Where we lose", "")
    if rows:
        yield (f"Work at which a peer does better than {mine} by more than a fiftieth: ours "
               "divided by the best peer's, of the same round, and in how many rounds it was so.")
        yield ""
        yield from md_table(["Work", "Figure", "Best peer", "Ours to it", "Rounds"], rows)
    else:
        yield f"Nowhere in this run by more than a fiftieth ({mine})."


def md_metric(results, title, wanted):
    """A table of all servers for one metric of the scenarios that have it."""
    names = [s["name"] for s in results["servers"]]
    rows = []
    for scenario in results["scenarios"]:
        if not wanted(scenario):
            continue
        metric = wanted(scenario)
        row = [f"{scenario['group']}: {scenario['title']}"]
        for n in names:
            one = scenario["servers"].get(n)
            v = one and one["summary"].get(metric)
            if v:
                ratio = times(v.get("ratio"))
                row.append(shown(metric, v["median"]) + (f" ({ratio})" if ratio else ""))
            else:
                row.append("" if one is None else "failed")
        rows.append(row)
    used = [0] + [i + 1 for i in range(len(names)) if any(r[i + 1] for r in rows)]
    if rows:
        yield ""
        yield f"### {title}"
        yield ""
        head = ["", *[label(results, n) for n in names]]
        yield from md_table([head[i] for i in used], [[r[i] for i in used] for r in rows])


def markdown(results):
    reference = label(results, results["reference"]) if results["reference"] else None
    lines = [f"Measured on {results['date']}, {results['settings']['rounds']} rounds. "
             + (f"Ratios are to {reference}, of the same round; the median of the rounds counts, "
                "and behind it stand the least and the most." if reference else
                "There was no reference to compare with.")]
    if results["machine"].get("others", {}).get("median", 0) > 0.1:
        lines.append("The machine was busy with other things, so that rates and latencies mean "
                     "little; CPU per message suffers less.")
    if results["settings"]["quick"]:
        lines.append("This was a quick run: differences of less than a tenth say nothing.")
    table = list(md_targets(results))
    if table:
        lines += ["", "### Ours, and what is aimed at", "",
                  "What the median reaches is printed bold. Where the spread crosses the "
                  "target, another run may say otherwise.", "", *table]
    if ours(results):
        lines += md_losses(results)
    busy = {"rate": "Messages per second", "cpu": "Server CPU per message, microseconds",
            "wire": "Octets on the wire per reply"}
    for metric, title in busy.items():
        lines += md_metric(results, title, lambda s, m=metric: m in s["metrics"] and
                           s["main"] != "p50" and m)
    for metric, title in (("p50", "Latency, median, microseconds"),
                          ("p99", "Latency, 99th percentile, microseconds")):
        lines += md_metric(results, title, lambda s, m=metric: s["main"] == "p50" and m)
    lines += md_metric(results, "Server memory per idle connection, octets",
                       lambda s: s["main"] == "memory" and "memory")
    if results.get("profile"):
        text, rows = perf_profile.told(results["profile"])
        lines += ["", f"### {PROFILE}", "", text]
        lines += ["", *md_table(rows[0], rows[1:])] if rows else []
    for name, title in PARTS.items():
        text = results.get("parts", {}).get(name)
        lines += ["", f"### {title}", "", "```", *text, "```"] if text else []
    lines += ["", "### Conditions", ""]
    lines += [f"- {key}: {text}" for key, text in conditions(results)]
    lines += [f"- {n}" for n in results["notes"]]
    for s in results["servers"]:
        lines.append(f"- {s['label']}{' ' + s['version'] if s['version'] else ''}: {s['settings']}")
    lines += [f"- Left out, {n}: {why}" for n, why in results["missing"].items()]
    return "\n".join(lines) + "\n"


def brief(results):
    """What a README has room for: ours with the spread, of the others the median."""
    if not results["reference"]:
        return "There was no reference to compare with.\n"
    reference = label(results, results["reference"])
    shown_as = [s for s in results["servers"]
                if not s["name"].startswith("raw-") and not s["name"].endswith("-again")]
    rows = []
    for scenario in [s for s in results["scenarios"] if s["brief"]]:
        row = [f"{scenario['group']}: {scenario['title']}"]
        for server in shown_as:
            one = scenario["servers"].get(server["name"])
            v = one and one["summary"].get(scenario["main"])
            write = None
            if scenario["main"] == "memory":
                write = lambda x: shown("memory", x) + " B"  # noqa: E731
            elif v:
                v, write = v.get("ratio"), lambda x: f"{x:.2f}"
            if not v:
                row.append("failed" if one else "")
                continue
            more = f" ({write(v['min'])} to {write(v['max'])})"
            alike = write(v["min"]) == write(v["max"])
            row.append(write(v["median"]) + (more if server["ours"] and not alike else ""))
        rows.append(row)
    lines = [f"CPU time of the server for a message, {reference} = 1, and memory for an idle "
             f"connection; less is better. Medians of {results['settings']['rounds']} rounds in "
             "which the servers took turns, and for ours the least and the most:", "",
             *md_table(["", *[s["label"] for s in shown_as]], rows), "",
             f"Measured on {dict(conditions(results))['Date']}."]
    return "\n".join(lines) + "\n"


# What stands between two marks of a document.
MARKED = {"figures": markdown, "figures in short": brief}


def marks(name):
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def parts_of_docs(path):
    """The text of a document, and which marks it has; a ValueError if none."""
    try:
        with open(path, encoding="utf-8") as f:
            text = f.read()
    except OSError as e:
        raise ValueError(str(e)) from e
    found = [name for name in MARKED if all(mark in text for mark in marks(name))]
    if not found:
        raise ValueError(f"{path} has no lines " + " and ".join(marks("figures")))
    return text, found


def write_docs(results, path):
    text, found = parts_of_docs(path)
    for name in found:
        begin, end = marks(name)
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{MARKED[name](results)}{end}{rest.partition(end)[2]}"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


# ---------------------------------------------------------------------------------------- page

STYLE = """
:root { color-scheme: light dark; --bg: #fff; --fg: #1c2230; --soft: #626b7c; --line: #dfe3ea;
  --card: #f7f8fa; --ours: #2563eb; --peer: #a9b2c1; --ref: #6b7585; --raw: #d3d8e0;
  --good: #15803d; --bad: #b45309; }
@media (prefers-color-scheme: dark) { :root { --bg: #11151c; --fg: #e3e7ee; --soft: #98a2b3;
  --line: #2b3240; --card: #181e28; --ours: #5b93ff; --peer: #56606f; --ref: #8b95a5;
  --raw: #343c4a; --good: #4ade80; --bad: #fbbf24; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 90rem; padding: 1rem; background: var(--bg); color: var(--fg);
  font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; margin: .2rem 0; } h2 { margin: 2rem 0 .7rem; font-size: 1.15rem; }
h3 { font-size: 1rem; margin: 0; } p { margin: .3rem 0; } .soft { color: var(--soft); }
.cards { display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: .7rem .8rem; min-width: 0; }
.unit { font-size: .8rem; color: var(--soft); margin-bottom: .5rem; }
.row { display: grid; grid-template-columns: 8.4rem 1fr 6.6rem; gap: .5rem; align-items: center;
  font-size: .82rem; height: 1.45rem; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.mine .name { font-weight: 600; }
.track { position: relative; height: .85rem; }
.bar { position: absolute; inset: 0 auto 0 0; background: var(--peer); border-radius: 0 2px 2px 0; }
.mine .bar { background: var(--ours); } .raw .bar { background: var(--raw); }
.reference .bar { background: var(--ref); }
.cut .bar { border-radius: 0; -webkit-mask: linear-gradient(90deg, #000 85%, transparent);
  mask: linear-gradient(90deg, #000 85%, transparent); }
.whisker { position: absolute; top: 50%; height: 1px; background: var(--fg); opacity: .65; }
.goal { position: absolute; top: -.3rem; bottom: -.3rem; border-left: 2px dotted var(--good); }
.value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.value b { font-weight: 600; }
.value span { color: var(--soft); display: inline-block; width: 2.7rem; }
.goals { margin: .5rem 0 0; padding: 0; list-style: none; font-size: .8rem; }
.yes::before { content: "✓ "; color: var(--good); }
.no::before { content: "✗ "; color: var(--bad); }
details { margin-top: .5rem; font-size: .8rem; } summary { cursor: pointer; color: var(--soft); }
.wide { overflow-x: auto; } pre { font-size: .78rem; margin: 0; } table { border-collapse: collapse; margin-top: .4rem; }
th, td { padding: .15rem .6rem .15rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .2rem 1rem; } dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
@media (max-width: 30rem) { .row { grid-template-columns: 7.7rem 1fr 6rem; gap: .35rem; }
  dl { grid-template-columns: 1fr; } dt { margin-top: .4rem; } }
"""


def bars(results, scenario):
    """Of the main metric; a bar of more than three times the reference is cut off."""
    metric = scenario["main"]
    reference = scenario["servers"].get(results["reference"], {}).get("summary", {}).get(metric)
    values = {n: s["summary"].get(metric) for n, s in scenario["servers"].items()}
    most = max([v["max"] for v in values.values() if v] or [1]) or 1
    if reference:
        most = min(most, max(3 * reference["median"], 1e-9))
    goal = next((t for t, _ in judged(results, scenario)
                 if t.metric == metric and t.to in ("reference", "absolute")), None)
    at = goal and (goal.limit if goal.to == "absolute" else
                   reference and goal.limit * reference["median"])
    for server in results["servers"]:
        n = server["name"]
        if n not in values:
            continue
        v = values[n]
        kind = ("mine" if server["ours"] else "raw" if n.startswith("raw-") else
                "reference" if n == results["reference"] else "peer")
        name = html.escape(server["label"])
        if v is None:
            yield (f'<div class="row {kind}"><div class="name" title="{name}">{name}</div><div>'
                   '</div><div class="value soft">failed</div></div>')
            continue
        width = min(100, 100 * max(v["median"], 0) / most)
        low, high = (min(100, 100 * max(x, 0) / most) for x in (v["min"], v["max"]))
        cut = " cut" if v["median"] > most else ""
        line = "" if at is None or at > most else (
            f'<div class="goal" style="left:{100 * at / most:.2f}%" title="target"></div>')
        ratio = times(v.get("ratio"))
        yield (f'<div class="row {kind}{cut}"><div class="name" title="{name}">{name}</div>'
               f'<div class="track"><div class="bar" style="width:{width:.2f}%"></div>'
               f'<div class="whisker" style="left:{low:.2f}%;width:{max(high - low, 0):.2f}%">'
               f'</div>{line}</div><div class="value"><b>{shown(metric, v["median"])}</b> '
               f'<span>{f"{ratio}×" if ratio else ""}</span></div></div>')


def details(results, scenario):
    yield '<details><summary>all figures</summary><div class="wide"><table><tr><th></th>'
    for m in scenario["metrics"]:
        yield f"<th>{html.escape(METRICS[m][0])}, {METRICS[m][1]}</th><th>least to most</th>"
    yield "</tr>"
    for name, one in scenario["servers"].items():
        yield f"<tr><td>{html.escape(label(results, name))}</td>"
        for m in scenario["metrics"]:
            v = one["summary"].get(m)
            yield "<td></td><td></td>" if v is None else (
                f"<td>{shown(m, v['median'])}</td>"
                f"<td>{shown(m, v['min'])} to {shown(m, v['max'])}</td>")
        yield "</tr>"
    yield "</table></div>"
    for name, one in scenario["servers"].items():
        if "failure" in one:
            yield f"<p>{html.escape(label(results, name))}: {html.escape(one['failure'])}</p>"
    line = html.escape(" ".join(["websock bench URL", *scenario["arguments"]]))
    yield f'<p class="soft"><code>{line}</code></p></details>'


def page(results):
    """Needs no other file, no script and no network."""
    reference = label(results, results["reference"]) if results["reference"] else None
    out = ['<!DOCTYPE html>', '<html lang="en">', '<meta charset="utf-8">',
           '<meta name="viewport" content="width=device-width, initial-scale=1">',
           "<title>WebSocket servers side by side</title>", f"<style>{STYLE}</style>",
           "<h1>WebSocket servers side by side</h1>",
           '<p class="soft">Shorter is better. Medians of '
           f'{results["settings"]["rounds"]} rounds; the thin line spans all of them'
           + (f"; × is the ratio to {html.escape(reference)} in the same round"
              if reference else "")
           + "; the dotted line is the target.</p>"]
    if results["machine"].get("others", {}).get("median", 0) > 0.1:
        out.append("<p>The machine was busy with other things: rates and latencies mean little, "
                   "CPU per message suffers less.</p>")
    group = None
    for scenario in results["scenarios"]:
        if scenario["group"] != group:
            out += ["</div>" if group else "", f"<h2>{html.escape(scenario['group'])}</h2>",
                    '<div class="cards">']
            group = scenario["group"]
        name, unit = METRICS[scenario["main"]][:2]
        out += [f'<div class="card"><h3>{html.escape(scenario["title"])}</h3>',
                f'<div class="unit">{html.escape(name)}, {unit}</div>', *bars(results, scenario)]
        goals = []
        for t, found in judged(results, scenario):
            for s in ours(results):
                if s["name"] in found:
                    v, met = found[s["name"]]
                    goals.append(f'<li class="{"yes" if met else "no"}">{html.escape(t.text())}: '
                                 f'{goal_value(t, v["median"])}, {html.escape(s["label"])}</li>')
        out += ['<ul class="goals">', *goals, "</ul>"] if goals else []
        out += [*details(results, scenario), "</div>"]
    out.append("</div>" if group else "")
    if results.get("profile"):
        text, rows = perf_profile.told(results["profile"])
        out += [f"<h2>{PROFILE}</h2>", f"<p>{html.escape(text)}</p>", '<div class="wide"><table>']
        for i, row in enumerate(rows):
            cell = "td" if i else "th"
            out.append("<tr>" + "".join(f"<{cell}>{html.escape(c)}</{cell}>" for c in row) +
                       "</tr>")
        out.append("</table></div>")
    for name, title in PARTS.items():
        text = results.get("parts", {}).get(name)
        if text:
            out += [f"<h2>{title}</h2>", '<div class="wide"><pre>', html.escape("\n".join(text)),
                    "</pre></div>"]
    out += ["<h2>Conditions</h2>", "<dl>"]
    items = list(conditions(results)) + [("Note", n) for n in results["notes"]]
    items += [(s["label"], f"{s['version'] or ''}; {s['settings']}".lstrip("; "))
              for s in results["servers"]]
    items += [(f"Left out, {n}", why) for n, why in results["missing"].items()]
    out += [f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in items]
    return "\n".join(out + ["</dl>", "</html>"]) + "\n"
