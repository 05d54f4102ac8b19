#!/usr/bin/env python3
"""Prints the README's own test command: the content of its second fenced block."""

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def main() -> int:
    text = README.read_text(encoding="utf-8") if README.is_file() else ""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.M | re.S)
    if len(blocks) < 2 or "test" not in blocks[1]:
        print("the second fenced block of README.md must be the test command", file=sys.stderr)
        return 1
    print("\n".join(line.removeprefix("$ ") for line in blocks[1].splitlines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
