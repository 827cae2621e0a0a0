# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The table of figures that drills end with: printed, and written to build/drills as JSON, as Markdown, and as the list
that superpacketd(8) has under FIGURES."""

import json
import os
import platform
import textwrap

from lab import BUILD

DIRECTORY = os.path.join(BUILD, "drills")
COLUMNS = {"drill": "drill", "count": "count", "lost": "connections lost", "wrong": "bytes wrong",
           "measured": "measured", "ours": "ours", "kernel": "kernel alone", "goal": "goal", "note": "note"}


NONE = "none"  # no control: tests/README.md says why


def row(name, count, lost=None, wrong=None, measured="", ours="", kernel=NONE, goal="", note=""):
    """A line of the table. lost, wrong: None where the drill has no connections; lost: "0 of 400"."""
    return {"drill": name, "count": count, "lost": lost, "wrong": wrong, "measured": measured, "ours": ours,
            "kernel": kernel, "goal": goal, "note": note}


def quantile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(part * len(values)))]


def milliseconds(values):
    """p50 / p99 / max of seconds."""
    if not values:
        return ""
    return " / ".join(f"{1e3 * quantile(values, part):.0f}" for part in (0.5, 0.99, 1))


STALL = "longest stall, ms: p50 / p99 / max"


def cells(one):
    return ["" if one[key] is None else str(one[key]) for key in COLUMNS]


def markdown(rows):
    lines = [list(COLUMNS.values()), ["---"] * len(COLUMNS), *map(cells, rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def manual(rows):
    """Lines of mdoc: what was done how often, and what it did to connections and to time, ours beside the kernel's."""
    lines = []
    for one in rows:
        parts = [f"{one['lost']} connections lost, {one['wrong']} bytes wrong" if one["lost"] is not None else "",
                 f"{one['measured']}: {one['ours']}" if one["ours"] else one["note"],
                 f"kernel alone: {one['kernel']}" if one["kernel"] != NONE else "",
                 f"goal: {one['goal']}" if one["goal"] else ""]
        said = ";\n".join(filter(None, parts)) + "."
        lines += [f".It {one['drill']}, {one['count']} times",
                  *(part for line in said.split("\n") for part in textwrap.wrap(line, 80, break_on_hyphens=False))]
    return ".Bl -tag -width Ds -compact\n" + "".join(f"{line}\n" for line in lines) + ".El\n"


def text(rows):
    lines = [list(COLUMNS.values()), *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return f"Linux {platform.release()}, {len(os.sched_getaffinity(0))} CPUs, {models[0] if models else '?'}"


def write(rows, name, scale):
    os.makedirs(DIRECTORY, exist_ok=True)
    with open(os.path.join(DIRECTORY, f"{name}.json"), "w") as file:
        json.dump({"machine": machine(), "scale": scale, "rows": rows}, file, indent=1)
    with open(os.path.join(DIRECTORY, f"{name}.mdoc"), "w") as file:
        file.write(manual(rows))
    with open(os.path.join(DIRECTORY, f"{name}.md"), "w") as file:
        file.write(f"{machine()}; scale {scale:g}.\n\n{markdown(rows)}")
    return os.path.join(DIRECTORY, f"{name}.md")


def pytest_terminal_summary(terminalreporter, config):
    rows = [value for reports in terminalreporter.stats.values() for report in reports
            if getattr(report, "when", None) == "call"
            for name, value in report.user_properties if name == "figures"]
    if not rows:
        return
    scale = config.getoption("scale")
    # a part, or a short form, is not taken for the whole
    whole = scale == 1 and not config.getoption("only") and not config.getoption("keyword")
    terminalreporter.section("figures")
    for line in text(rows):
        terminalreporter.write_line(line)
    terminalreporter.write_line(write(rows, "figures" if whole else "part", scale))
