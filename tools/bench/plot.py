#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Plots the output of bench-engine --json as an SVG, with gnuplot.

    tools/bench/plot.py FILE.json FILE.svg

There is one bar per comparison: our median as a fraction of the rival's (less is better). Whiskers reach from our best
to our worst round, both divided by the rival's median, and a mark shows the goal. The scale is logarithmic, because
ratios reach from a hundredth to ten.
"""
import json
import subprocess
import sys

SHORTEST, LONGEST = 0.008, 20

SCRIPT = """
set terminal svg size 1100,{height} font "sans,12" background "white"
set output "{svg}"
set title "{title}" noenhanced
set xlabel "our time / theirs (1: as fast; less is better)"
set logscale x
set xrange [{shortest}:{longest}]
set yrange [{top}:-0.7]
set y2range [{top}:-0.7]
set ytics nomirror ({tics}) noenhanced
set y2tics ({figures}) noenhanced
set grid xtics
set arrow from 1,-0.7 to 1,{top} nohead dashtype 2
set key outside bottom center horizontal
set style fill solid 0.5 border
$rows << END
{rows}
END
plot $rows using 2:1:({shortest}):2:($1-0.32):($1+0.32) with boxxyerror title "median" linecolor rgb "#3568a0", \\
     $rows using 2:1:3:4 with xerrorbars title "span of our rounds" pointtype 0 linecolor rgb "#222222", \\
     $rows using 5:1 with points title "goal" pointtype 9 pointsize 1.2 linecolor rgb "#c03028"
"""


def die(why):
    sys.exit(f"plot.py: {why}")


def quoted(text):
    return '"' + text.replace("\\", "").replace('"', "'") + '"'


def row_line(at, row):
    """Columns: place, ratio, its span, the goal."""
    theirs = row["theirs"]["median"]
    low, ratio, high = (row["ours"][key] / theirs for key in ("min", "median", "max"))
    return f'{at} {ratio} {low} {high} {row.get("goal", "NaN")}'


def tics(rows, text_of):
    return ", ".join(f"{quoted(text_of(row))} {at}" for at, row in enumerate(rows))


def name_of(row):
    return f'{row["group"]}: {row["name"]}, beside {row["beside"]}'


def figures_of(row):
    ours, theirs = row["ours"]["median"], row["theirs"]["median"]
    return f'{ours:.1f} / {theirs:.1f} {row["unit"]}: {ours / theirs:.3g}'


def script(report, svg):
    rows = [row for row in report["results"] if "theirs" in row]
    if not rows:
        die("no comparison to draw: bench-engine ran without a rival (see its last line)")
    title = f'bench-engine: {report["processes"]} processes of {report["rounds"]} rounds, ' \
            f'beside {report["dpdk"] or "no DPDK"}'
    return SCRIPT.format(height=130 + 26 * len(rows), svg=svg, title=title, shortest=SHORTEST, longest=LONGEST,
                         top=len(rows) - 0.3, tics=tics(rows, name_of), figures=tics(rows, figures_of),
                         rows="\n".join(row_line(at, row) for at, row in enumerate(rows)))


def main():
    if len(sys.argv) != 3:
        die("usage: plot.py FILE.json FILE.svg")
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            report = json.load(file)
        text = script(report, sys.argv[2])
    except (OSError, ValueError, KeyError) as err:
        die(f"{sys.argv[1]}: {err}")
    try:
        subprocess.run(["gnuplot", "-"], input=text, text=True, check=True)
    except FileNotFoundError:
        die("no plot: gnuplot is not installed (Debian: gnuplot-nox)")
    except subprocess.CalledProcessError as err:
        die(f"gnuplot failed ({err.returncode})")
    print(f"plot: {sys.argv[2]}")


main()
