#!/usr/bin/env python3
"""The figures of fleet: whole processes, medians, always beside something timed in the same rounds.

    benches/figures.py [--fleet target/release/fleet] [--runs 9] [--only start,tracker,…]
                       [--work DIR] [-o TABLE.md] [--json FILE]

Python standard library only; needs git, and rustc for one floor (an empty Rust program). Nothing
outside the work folder is written. Method, targets and results: docs/performance.md.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crowd  # noqa: E402
import load  # noqa: E402
import running  # noqa: E402
import ticks  # noqa: E402
import tracker  # noqa: E402
from measure import COLUMNS, Failed, Lab, Report  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def empty_program(lab):
    """Path of a Rust program with an empty main; /bin/true if there is no compiler."""
    if not shutil.which("rustc"):
        return "/bin/true", "/bin/true"
    source = os.path.join(lab.work, "empty.rs")
    with open(source, "w") as f:
        f.write("fn main() {}\n")
    program = os.path.join(lab.work, "empty")
    subprocess.run(["rustc", "-O", "-o", program, source], check=True)
    return program, "an empty Rust program"


def start(lab, report, opt):
    """Process start, size, and what is loaded."""
    empty, name = empty_program(lab)
    times = lab.rounds(opt.runs * 3, {
        "empty": lambda: lab.timed([empty], lab.work),
        "true": lambda: lab.timed(["/bin/true"], lab.work),
        "git": lambda: lab.timed(["git", "--version"], lab.work),
        "fleet": lambda: lab.timed([lab.fleet, "--version"], lab.work),
    })
    report.head("Start and size", COLUMNS)
    report.figure("version", "`fleet --version`", times["fleet"], 3, times["empty"], name)
    report.figure("git_version", "`git --version`", times["git"], None, times["empty"], name)
    report.figure("true", "`/bin/true`", times["true"])
    size = os.path.getsize(lab.fleet) / 1e6
    report.data["binary_mb"] = round(size, 2)
    report.row("binary, MB", "%.1f" % size, "", "", "", "≤ 15: " + ("met" if size <= 15 else "**missed**"), "")


SECTIONS = {
    "start": start,
    "tracker": tracker.tracker,
    "closed": tracker.closed,
    "idle": ticks.idle,
    "agents": ticks.agents,
    "workspace": ticks.workspace,
    "claims": crowd.claims,
    "running": running.running,
    "load": load.load,
}


def options():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--fleet", default=os.path.join(HERE, "..", "target", "release", "fleet"))
    ap.add_argument("--runs", type=int, default=9)
    ap.add_argument("--sizes", default="1000,10000", help="tasks of the tracker section")
    ap.add_argument("--closed", type=int, default=100_000, help="closed tasks of the closed section")
    ap.add_argument("--tasks", type=int, default=100, help="tasks of the agents section")
    ap.add_argument("--files", type=int, default=50_000, help="files of the workspace section")
    ap.add_argument("--clones", default="1,4,8,24", help="clones of the claims section")
    ap.add_argument("--running", type=int, default=50, help="agents at once of the running section")
    ap.add_argument("--ready", type=int, default=500, help="ready tasks of the load section")
    ap.add_argument("--stream-mib", type=int, default=16, help="stream of the running section")
    ap.add_argument("--only", default="", help="sections, of: " + ", ".join(SECTIONS))
    ap.add_argument("--work", help="folder for repositories (default: a temporary one)")
    ap.add_argument("--keep", action="store_true", help="keep the work folder")
    ap.add_argument("-o", "--table", help="also write the tables to this file")
    ap.add_argument("--json", help="also write the medians to this file")
    return ap.parse_args()


def cpu():
    for line in open("/proc/cpuinfo", errors="replace") if os.path.exists("/proc/cpuinfo") else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    opt = options()
    fleet = os.path.abspath(opt.fleet)
    if not os.access(fleet, os.X_OK):
        sys.exit("no program %s; build it with `cargo build --release`" % fleet)
    if opt.runs < 9:
        print("note: medians of fewer than 9 runs are for trying out only", file=sys.stderr)
    work = os.path.abspath(opt.work) if opt.work else tempfile.mkdtemp(prefix="fleet-figures-")
    os.makedirs(work, exist_ok=True)
    lab, report = Lab(work, fleet), Report()
    report.note("%s; %s, %d cores, kernel %s; %s; load %.2f at the start." % (
        time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), cpu(), os.cpu_count(),
        os.uname().release, lab.git(work, "--version"), os.getloadavg()[0]))
    only = [s for s in opt.only.split(",") if s] or list(SECTIONS)
    failed = []
    for name in only:
        try:
            SECTIONS[name](lab, report, opt)
        except Failed as error:
            failed.append(name)
            report.note("section %s failed: %s" % (name, error))
    report.note("Load at the end: %.2f." % os.getloadavg()[0])
    os.chdir("/")
    if opt.table:
        with open(opt.table, "w") as f:
            f.write("\n".join(report.lines).strip() + "\n")
    if opt.json:
        with open(opt.json, "w") as f:
            json.dump(report.data, f, indent=1)
    for path in (lab.out, lab.err):
        if os.path.exists(path):
            os.remove(path)
    if not opt.keep and not opt.work:
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
