#!/usr/bin/env python3
"""Coverage-guided fuzzing with libFuzzer, on a stable Rust and without cargo-fuzz.

    fuzz/run.py NAME...            these targets, `all` for all, one after the other
    fuzz/run.py --seconds 600 all  each for so long; 60
    fuzz/run.py --seed 7 outbox    begin with this seed, as a run has printed it
    fuzz/run.py --keep all         what reached new branches, for the committed corpora, after fuzzing
    fuzz/run.py --again FILE NAME  one input again, as a find says

Needs a C++ compiler. An input may take ten seconds and a gigabyte, and is at most 24 KiB long; what
fails is in `fuzz/artifacts/NAME/`, what was learned stays in `fuzz/corpus/NAME/` for the next run; git
ignores both. Exits 1 when a target failed.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMITTED = HERE.parent / "tests" / "fuzz" / "corpus"
LIMITS = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=24576", f"-dict={HERE / 'words.dict'}"]
# What is kept for good: so many inputs of a target, none longer, each for so many new branches.
MOST_KEPT, LONGEST_KEPT, LEAST_NEW = 8, 4096, 3


def targets() -> list[str]:
    manifest = tomllib.loads((HERE / "Cargo.toml").read_text(encoding="utf-8"))
    return [target["name"] for target in manifest["bin"]]


def build(names: list[str]) -> dict[str, str]:
    """The programs of these targets, made with the versions of fleet's own lock file."""
    lock = HERE / "Cargo.lock"
    if not lock.exists():
        lock.write_bytes((HERE.parent / "Cargo.lock").read_bytes())
    command = ["cargo", "build", "--profile", "sim", "--manifest-path", str(HERE / "Cargo.toml")]
    command += ["--message-format", "json-render-diagnostics"]
    command += [word for name in names for word in ("--bin", name)]
    env = os.environ | {"RUSTC_WRAPPER": str(HERE / "instrument")}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(done.returncode)
    made = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {m["target"]["name"]: m["executable"] for m in made if m.get("executable")}


def tagged(folder: Path) -> Path:
    """A folder that is made, with the tag by which tools know that nothing in it was written by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    return folder


def lay_out(program: str, name: str) -> Path:
    """Has the target write its seeds and the dictionary, which it does before anything else."""
    subprocess.run([program, "-help=1"], check=True, capture_output=True, timeout=60)
    return tagged(HERE / "corpus" / name)


def fuzz(program: str, name: str, seconds: int, seed: int) -> bool:
    corpus = lay_out(program, name)
    artifacts = tagged(HERE / "artifacts" / name)
    before = set(artifacts.iterdir())
    command = [program, *LIMITS, f"-max_total_time={seconds}", f"-seed={seed}"]
    command += ["-print_final_stats=1", f"-artifact_prefix={artifacts}/", str(corpus)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode("utf-8", "replace")
    covered = [int(n) for n in re.findall(r" cov: (\d+) ", said)]
    stats = {key: int(n) for key, n in re.findall(r"^stat::(\w+):\s+(\d+)", said, re.M)}
    runs, speed = stats.get("number_of_executed_units", 0), stats.get("average_exec_per_sec", 0)
    first = re.search(r"INITED cov: (\d+)", said)
    edges = f"{first.group(1) if first else '?'} -> {covered[-1] if covered else '?'}"
    found = sorted(set(artifacts.iterdir()) - before)
    print(
        f"{name}: seed {seed}, {runs} inputs, {speed} a second, branches {edges}, "
        f"{stats.get('new_units_added', 0)} new inputs, at most {stats.get('peak_rss_mb', 0)} MB, "
        f"{len(found)} finds",
        flush=True,
    )
    for path in found:
        print(f"  fuzz/run.py --again {path.relative_to(HERE.parent)} {name}", flush=True)
    if done.returncode:
        print("  " + "\n  ".join(said.splitlines()[-60:]), flush=True)
    return done.returncode == 0 and not found


def branches(program: str, folder: Path, control: Path) -> list[tuple[Path, set[int]]]:
    """Which branches each file of a folder reaches, as the first half of a merge writes it down."""
    with tempfile.TemporaryDirectory() as empty:
        command = [program, *LIMITS, "-set_cover_merge=1", "-use_counters=0"]
        command += [f"-merge_control_file={control}", empty, str(folder)]
        subprocess.run(command, check=True, capture_output=True)
    lines = control.read_text().splitlines()
    count = int(lines[0])
    files = [Path(line) for line in lines[2 : 2 + count]]
    reached: list[set[int]] = [set() for _ in files]
    for line in lines[2 + count :]:
        words = line.split()
        if words[0] == "FT":
            reached[int(words[1])] = {int(word) for word in words[2:]}
    return list(zip(files, reached))


def keep(program: str, name: str) -> None:
    """Puts into the committed corpus the few inputs that reach most of what no seed reaches."""
    corpus = lay_out(program, name)
    with tempfile.TemporaryDirectory() as scratch:
        reached = branches(program, corpus, Path(scratch) / "control")
    have: set[int] = set()
    for path, some in reached:
        if path.name.startswith("seed-"):
            have |= some
    seeds = len(have)
    rest = [(p, some) for p, some in reached if 0 < p.stat().st_size <= LONGEST_KEPT]
    kept = []
    while rest and len(kept) < MOST_KEPT:
        path, some = max(rest, key=lambda each: (len(each[1] - have), -each[0].stat().st_size))
        if len(some - have) < LEAST_NEW:
            break
        have |= some
        kept.append(path)
    for path in kept:
        to = COMMITTED / name / f"reached-{path.name[:12]}"
        to.write_bytes(path.read_bytes())
    size = sum(path.stat().st_size for path in kept)
    all_reached = set().union(*(some for _, some in reached))
    print(
        f"{name}: {len(kept)} inputs kept, {size} bytes; branches of the seeds {seeds}, "
        f"with these {len(have)}, of all that was found {len(all_reached)}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", metavar="NAME", choices=[*targets(), "all"])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1, 1 << 31))
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--again", metavar="FILE")
    args = parser.parse_args()
    names = targets() if "all" in args.names else args.names
    programs = build(names)
    good = True
    for name in names:
        if args.again:
            good &= subprocess.run([programs[name], *LIMITS[:2], args.again]).returncode == 0
        elif args.keep:
            keep(programs[name], name)
        else:
            good &= fuzz(programs[name], name, args.seconds, args.seed)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
