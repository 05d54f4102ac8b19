#!/usr/bin/env python3
"""Checks every dependency's licence, name and source against .deny.toml, in about a second.

`.ci/deny` (cargo-deny) reads the same file and does more, but cannot be had everywhere. This
reads `cargo metadata` for the platform it runs on and needs nothing but Python 3.11 and cargo.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATES_IO = (
    "registry+https://github.com/rust-lang/crates.io-index",
    "sparse+https://index.crates.io/",
)


def satisfied(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met by the allowed licences; `A/B` is the old way of `A OR B`."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    at = 0

    def peek() -> str:
        return tokens[at] if at < len(tokens) else ""

    def take() -> str:
        nonlocal at
        if at >= len(tokens):
            raise ValueError(f"cannot read the licence expression {expression!r}")
        at += 1
        return tokens[at - 1]

    def either() -> bool:
        met = both()
        while peek() == "OR":
            take()
            met = both() or met
        return met

    def both() -> bool:
        met = single()
        while peek() == "AND":
            take()
            met = single() and met
        return met

    def single() -> bool:
        name = take()
        if name == "(":
            met = either()
            if take() != ")":
                raise ValueError(f"cannot read the licence expression {expression!r}")
            return met
        if peek() == "WITH":
            take()
            name = f"{name} WITH {take()}"
        return name in allowed

    met = either()
    if at != len(tokens):
        raise ValueError(f"cannot read the licence expression {expression!r}")
    return met


def self_test() -> None:
    allowed = {"MIT", "Apache-2.0"}
    yes = ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-2.0", "(MIT OR X) AND Apache-2.0"]
    no = ["GPL-3.0", "MIT AND X", "Apache-2.0 WITH LLVM-exception", "(MIT OR X) AND Y"]
    wrong = [text for text in yes if not satisfied(text, allowed)]
    wrong += [text for text in no if satisfied(text, allowed)]
    if wrong:
        raise SystemExit(f"the licence check reads these wrongly: {wrong}")


def metadata() -> dict:
    host = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    triple = next(line.split()[1] for line in host.splitlines() if line.startswith("host:"))
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    command += ["--filter-platform", triple]
    return json.loads(subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE).stdout)


def findings(data: dict, policy: dict) -> list[str]:
    allowed = set(policy["licenses"]["allow"])
    excepted = {
        entry["crate"]: set(entry["allow"]) for entry in policy["licenses"].get("exceptions", [])
    }
    banned = {entry["crate"]: entry.get("reason", "") for entry in policy["bans"]["deny"]}
    used = {node["id"] for node in data["resolve"]["nodes"]}
    found = []
    for package in data["packages"]:
        if package["id"] not in used:
            continue
        name = f"{package['name']} {package['version']}"
        licence = package["license"]
        extra = excepted.get(package["name"], set())
        if package["name"] in banned:
            found.append(f"{name} is banned: {banned[package['name']]}")
        if not licence:
            found.append(f"{name} names no licence")
        elif not satisfied(licence, allowed | extra):
            found.append(f"{name} has the licence {licence}, which is not in .deny.toml")
        if package["source"] and not package["source"].startswith(CRATES_IO):
            found.append(f"{name} comes from {package['source']}, not from crates.io")
    return found


def main() -> int:
    self_test()
    policy = tomllib.loads((ROOT / ".deny.toml").read_text(encoding="utf-8"))
    data = metadata()
    found = findings(data, policy)
    for line in found:
        print(f"  {line}")
    print(f"{len(data['resolve']['nodes'])} packages, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
