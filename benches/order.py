#!/usr/bin/env python3
"""Write down which functions the everyday commands call, in order of their first call.

    order.py                  builds fleet with its symbols, runs the commands under callgrind, and
                              writes benches/hot-functions.txt
    order.py --check          builds fleet with its symbols and says how many of the names it has

`build.rs` has the linker put these functions side by side: fewer pages of the program are touched, and
a command is a tenth faster and holds a third less memory. A name that the program does not have (after a
new version of a dependency or of the compiler) does nothing; run this again when many are gone.

Needs valgrind, git and nm (binutils).
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tracker  # noqa: E402
from measure import Lab  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
LIST = os.path.join(HERE, "hot-functions.txt")
TASKS = 600

# What is run most, first: their functions come first.
COMMANDS = [
    "--version",
    "ready --json",
    "show {one} --json",
    "list --json",
    "list --all --json",
    "ready",
    "show {one}",
    "log {one}",
    "blocked --json",
    "search import --json",
    "prime",
    "add title --json",
    "update {one} --priority 3 --json",
    "comment {one} remark",
    "close {other} --json",
    "ready --claim --json",
    "sync",
    "tick --dry-run",
    "tick",
]


def build():
    """The release program with its symbols. Cargo says where it is; one without them is built anew."""
    subprocess.run(["cargo", "rustc", "--locked", "--release", "--bin", "fleet", "--",
                    "-C", "strip=none"], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    return os.path.join(target, "release", "fleet")


def symbols(program):
    lines = subprocess.run(["nm", "--defined-only", program], check=True, capture_output=True, text=True).stdout
    fields = (line.split() for line in lines.splitlines())
    return {name for _, kind, name in fields if kind in "tT"}


def called(path):
    """Names of functions in a file of callgrind, in their order there."""
    names = []
    with open(path, errors="replace") as f:
        for line in f:
            match = re.match(r"c?fn=\(\d+\) (\S+)", line)
            if match:
                names.append(match[1].split("'")[0])
    return names


def trace(lab, program, cwd, words):
    out = os.path.join(lab.work, "calls")
    subprocess.run(["valgrind", "--tool=callgrind", "--demangle=no", "--callgrind-out-file=" + out, program]
                   + words, cwd=cwd, env=lab.env, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return called(out)


def record(program):
    names = {}
    with tempfile.TemporaryDirectory() as dir:
        lab = Lab(dir, program)
        repo, ids = tracker.state_of(lab, "order", TASKS, closed_share=0.3)
        known = symbols(program)
        for command in COMMANDS:
            words = command.format(one=ids[-1], other=ids[-3]).split()
            for name in trace(lab, program, repo, words):
                if name in known:
                    names.setdefault(name)
        clone = tracker.clone_of(lab, repo, "order-clone")
        for name in trace(lab, program, clone, ["ready", "--json"]):
            if name in known:
                names.setdefault(name)
    with open(LIST, "w") as f:
        f.write("".join(name + "\n" for name in names))
    print("%d functions in %s" % (len(names), os.path.relpath(LIST, ROOT)))


def check(program):
    with open(LIST) as f:
        names = f.read().split()
    there = len(symbols(program).intersection(names))
    print("%d of %d functions are in the program" % (there, len(names)))
    return 0 if there * 2 > len(names) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="count the names that the program has")
    program = build()
    return check(program) if parser.parse_args().check else record(program)


if __name__ == "__main__":
    sys.exit(main())
