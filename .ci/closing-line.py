#!/usr/bin/env python3
"""Reads the outputs of test runs and prints one line: `N passed, N failed, N skipped`.

Adds up every closing line of `cargo test` (one for each test binary), the summary of `cargo nextest`,
and the line of `.ci/e2e`. Exits 1 when there is none in the first file: a run whose result cannot be
read has not passed.
"""

import re
import sys
from pathlib import Path

CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;", re.M)
NEXTEST = re.compile(r"^\s+Summary \[[^]]*\] .* tests? run: (.*)$", re.M)
STORIES = re.compile(r"^e2e: (\d+) passed, (\d+) failed, (\d+) skipped$", re.M)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def counts(text: str) -> tuple[int, int, int] | None:
    text = COLOURS.sub("", text)
    rows = [tuple(map(int, row)) for row in CARGO.findall(text) + STORIES.findall(text)]
    for summary in NEXTEST.findall(text):
        named = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped)", summary)}
        rows.append(tuple(named.get(word, 0) for word in ("passed", "failed", "skipped")))
    return tuple(map(sum, zip(*rows))) if rows else None


def main() -> int:
    texts = [Path(name).read_text(encoding="utf-8", errors="replace") for name in sys.argv[1:]]
    if counts(texts[0]) is None:
        print("no closing line of a test runner was found", file=sys.stderr)
        return 1
    total = counts("\n".join(texts))
    print("{} passed, {} failed, {} skipped".format(*total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
