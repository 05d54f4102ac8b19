"""Runs the end-to-end stories. Use `.ci/e2e`, which builds the program first.

Prints a line for each story, the whole transcript of one that failed, and at the end
`e2e: N passed, N failed, N skipped`. Exits 1 when a story failed, 0 otherwise.
"""

import argparse
import os
import signal
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import agent_face  # noqa: F401  registers its stories
import stories
import workflow  # noqa: F401  registers its stories
from tools import Missing, Tools
from world import Failed, Skipped

STORIES = ("stories.py", "workflow.py", "agent_face.py")
REPOSITORY = Path(__file__).resolve().parent.parent.parent


def cache() -> Path:
    named = os.environ.get("FLEET_E2E_CACHE")
    if named:
        return Path(named).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fleet-e2e"


class Runner:
    def __init__(self, stage: stories.Stage):
        self.stage = stage
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.lock = threading.Lock()

    def tell(self, story) -> None:
        began = time.monotonic()
        world, text = None, ""
        try:
            with self.stage.lock:
                # Installing is not part of the story's time, and one at a time.
                path, extra = self.stage.prepare(story)
            began = time.monotonic()
            world = self.stage.world(path)
            story.tell(world, *extra)
            verdict, why = "passed", ""
        except (Missing, Skipped) as reason:
            verdict, why = "skipped", str(reason)
        except Failed as reason:
            verdict, why, text = "failed", "", f"{place()}\n{reason}"
        except Exception:
            verdict, why, text = "failed", "", traceback.format_exc()
        seconds = time.monotonic() - began
        transcript = "\n".join(world.transcript) if world else ""
        kept = None
        if world and verdict == "failed" and os.environ.get("FLEET_E2E_KEEP"):
            kept = world.root
        elif world:
            try:
                world.close()
            except Exception:
                verdict, text = "failed", text + traceback.format_exc()
        with self.lock:
            self.counts[verdict] += 1
            mark = {"passed": "ok  ", "failed": "FAIL", "skipped": "skip"}[verdict]
            print(f"{mark} {seconds:6.2f} s  {story.name}{f': {why}' if why else ''}", flush=True)
            if verdict == "failed":
                print("\n".join(f"     | {line}" for line in (transcript + "\n\n" + text).splitlines()))
                print(f"     | kept: {kept}" if kept else "", flush=True)


def place() -> str:
    """Where in the stories it went wrong."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    own = [f for f in frames if Path(f.filename).name in STORIES]
    return "\n".join(f"{Path(f.filename).name}:{f.lineno}: {f.line}" for f in own)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only stories whose name holds one of these")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--require", action="store_true", help="a skipped story is a failure")
    args = parser.parse_args()
    wanted = [s for s in stories.ALL if not args.words or any(w in s.name for w in args.words)]
    if args.list:
        print("\n".join(story.name for story in wanted))
        return 0
    program = os.environ.get("FLEET_BIN")
    if not program or not os.access(program, os.X_OK):
        print("FLEET_BIN must name the fleet program; .ci/e2e builds it", file=sys.stderr)
        return 1
    # An end by a signal is an end like any other: the worlds are closed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    stage = stories.Stage(Path(program).resolve(), REPOSITORY, Tools(cache()))
    runner = Runner(stage)
    with ThreadPoolExecutor(max_workers=int(os.environ.get("FLEET_E2E_JOBS") or 2)) as pool:
        list(pool.map(runner.tell, wanted))
    counts = runner.counts
    print(f"{len(wanted)} stories in {time.monotonic() - began:.0f} s")
    print("e2e: {passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    required = args.require or os.environ.get("FLEET_E2E_REQUIRE")
    return 1 if counts["failed"] or (required and counts["skipped"]) else 0


if __name__ == "__main__":
    sys.exit(main())
