#!/usr/bin/env python3
"""Growth of a command's time with the number of tasks, as an SVG: both axes logarithmic, a line a tool.

    plot.py results.json -o growth.svg [--ops ready,create_git] [--tools fleet,br]

Reads what run.py wrote. Python standard library only.
"""
import argparse
import json
import math
import statistics
import sys
from xml.sax.saxutils import escape

NAMES = {"ready": "ready --json", "create": "add one task", "create_git": "add one task, in a git commit",
         "list": "list --json, all", "show": "show one task", "ready_clone": "first ready in a fresh clone"}
COLOURS = ["#0b6e4f", "#b3541e", "#3d5a98", "#8a3b8f", "#5f6b1f", "#a11d33", "#2f7f8f", "#6b6b6b"]
WIDTH, HEIGHT, LEFT, TOP, GAP = 430, 320, 62, 44, 92


def points(results, tool, op):
    """(tasks, milliseconds) of a tool, sorted."""
    out = []
    for n, row in results[tool].get("speed", {}).items():
        walls = row.get("wall", {}).get(op)
        if walls and not row.get("op_errors", {}).get(op):
            out.append((int(n), statistics.median(walls) * 1e3))
    return sorted(out)


def ticks(low, high):
    return [10 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def panel(results, tools, op, x0):
    """One diagram with its axes; a list of SVG elements."""
    lines = {t: points(results, t, op) for t in tools}
    every = [p for ps in lines.values() for p in ps]
    if not every:
        return []
    xs = ticks(min(n for n, _ in every), max(n for n, _ in every))
    ys = ticks(min(ms for _, ms in every), max(ms for _, ms in every))

    def place(value, scale, start, length):
        low, high = math.log10(scale[0]), math.log10(scale[-1])
        return start + (math.log10(value) - low) / max(1e-9, high - low) * length

    def x(n):
        return place(n, xs, x0 + LEFT, WIDTH - LEFT)

    def y(ms):
        return TOP + HEIGHT - place(ms, ys, 0, HEIGHT)

    out = ['<text x="%.0f" y="%d" class="head">%s</text>' % (x0 + LEFT, TOP - 16, escape(NAMES.get(op, op)))]
    for n in xs:
        out.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" class="grid"/>' % (x(n), TOP, x(n), TOP + HEIGHT))
        out.append('<text x="%.1f" y="%d" text-anchor="middle">%s</text>' % (x(n), TOP + HEIGHT + 18, f"{n:,}"))
    for ms in ys:
        said = "%g ms" % ms if ms < 1000 else "%g s" % (ms / 1000)
        out.append('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" class="grid"/>' % (x0 + LEFT, y(ms), x0 + WIDTH, y(ms)))
        out.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>' % (x0 + LEFT - 6, y(ms) + 4, said))
    ends = []
    for i, tool in enumerate(tools):
        if not lines[tool]:
            continue
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join("%.1f,%.1f" % (x(n), y(ms)) for n, ms in lines[tool])
        wide = 3 if tool == "fleet" else 1.6
        out.append('<polyline points="%s" fill="none" stroke="%s" stroke-width="%s"/>' % (path, colour, wide))
        out += ['<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>' % (x(n), y(ms), colour) for n, ms in lines[tool]]
        ends.append([y(lines[tool][-1][1]), x(lines[tool][-1][0]), tool, colour])
    # Names stand at the ends of their lines, and not on each other.
    ends.sort()
    for above, below in zip(ends, ends[1:]):
        below[0] = max(below[0], above[0] + 14)
    out += ['<text x="%.1f" y="%.1f" fill="%s">%s</text>' % (at + 8, down + 4, colour, escape(tool))
            for down, at, tool, colour in ends]
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("results")
    ap.add_argument("-o", "--output", required=True)
    ap.add_argument("--ops", default="ready,create_git")
    ap.add_argument("--tools", default="")
    a = ap.parse_args()
    with open(a.results) as f:
        results = json.load(f)
    tools = [t for t in a.tools.split(",") if t] or [t for t in results if isinstance(results[t], dict) and "speed" in results[t]]
    ops = a.ops.split(",")
    body = [e for i, op in enumerate(ops) for e in panel(results, tools, op, i * (WIDTH + GAP))]
    if not body:
        sys.exit("%s holds no times of %s" % (a.results, a.ops))
    wide, high = len(ops) * (WIDTH + GAP) + 10, TOP + HEIGHT + 56
    text = '<text x="%d" y="%d">tasks in the store; both axes are logarithmic; medians of whole processes</text>' % (LEFT, high - 10)
    style = ("text{font:12px sans-serif;fill:#333}.head{font-size:14px;font-weight:bold}"
             ".grid{stroke:#ddd;stroke-width:1}")
    with open(a.output, "w") as f:
        f.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">\n'
                '<style>%s</style>\n<rect width="100%%" height="100%%" fill="#fff"/>\n%s\n%s\n</svg>\n'
                % (wide, high, wide, high, style, "\n".join(body), text))


if __name__ == "__main__":
    main()
