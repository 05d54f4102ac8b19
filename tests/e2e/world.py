"""The world of one story: a folder of its own, a cleared environment, and a transcript."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

COMMAND_LIMIT_S = 300


class Failed(Exception):
    """A story did not go as told."""


class Skipped(Exception):
    """A story cannot be told here; says why."""


@dataclass
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str
    seconds: float

    def json(self) -> dict:
        try:
            return json.loads(self.out)
        except ValueError:
            raise Failed(f"standard output is not JSON: {self.out[:2000]!r}") from None


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run_git(cwd: Path, *args: str) -> str:
    """git for the stories' own looking and preparing, without anybody's configuration."""
    env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1",
           "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    for who in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{who}_NAME": "Ada", f"GIT_{who}_EMAIL": "ada@example.com"}
    done = subprocess.run(["git", *args], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False)
    if done.returncode:
        raise Failed(f"git {' '.join(args)}: exit {done.returncode}: {done.stderr}")
    return done.stdout


class World:
    """Everything a story makes lies below `root`; `close` ends and removes all of it."""

    def __init__(self, fleet: Path, path: list[Path]):
        self.root = Path(tempfile.mkdtemp(prefix="fleet-e2e-")).resolve()
        self.home = self.root / "home"
        self.home.mkdir()
        (self.root / "tmp").mkdir()
        self.fleet_program = fleet
        self.path = os.pathsep.join([*map(str, path), os.environ["PATH"]])
        self.transcript: list[str] = []
        self.closers: list = []
        (self.home / ".gitconfig").write_text(
            "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
        )

    def without_bubblewrap(self) -> None:
        """The first `bwrap` on PATH is one that does not work."""
        folder = self.root / "bin"
        folder.mkdir()
        (folder / "bwrap").write_text("#!/bin/sh\nexit 1\n")
        (folder / "bwrap").chmod(0o755)
        self.path = os.pathsep.join([str(folder), self.path])

    def env(self, **more: str) -> dict[str, str]:
        return {"PATH": self.path, "HOME": str(self.home), "TMPDIR": str(self.root / "tmp"),
                "LANG": "C.UTF-8", **more}

    def keep(self, thing):
        """Closes `thing` at the end of the story."""
        self.closers.append(thing)
        return thing

    def note(self, text: str) -> None:
        self.transcript.append(text)

    def start(self, argv: list, cwd: Path, **env: str) -> subprocess.Popen:
        self.note(f"$ {' '.join(map(str, argv))}    (in {cwd})")
        return subprocess.Popen(argv, cwd=cwd, env=self.env(**env), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                errors="replace", start_new_session=True)

    def finish(self, process: subprocess.Popen, began: float) -> Done:
        try:
            out, err = process.communicate(timeout=COMMAND_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                out, err = process.communicate(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
            self.note(f"{out}{err}")
            raise Failed(f"{process.args} was still running after {COMMAND_LIMIT_S} s") from None
        seconds = time.monotonic() - began
        self.note(f"{out}{err}  exit {process.returncode}, {seconds:.2f} s")
        return Done(process.returncode, out, err, seconds)

    def run(self, argv: list, cwd: Path, code: int | None = 0, **env: str) -> Done:
        began = time.monotonic()
        done = self.finish(self.start(argv, cwd, **env), began)
        if code is not None and done.code != code:
            raise Failed(f"{' '.join(map(str, argv))}: exit code {done.code}, {code} was expected")
        return done

    def fleet(self, clone: Path, *args: str, code: int | None = 0, **env: str) -> Done:
        return self.run([self.fleet_program, *args], clone, code, **env)

    def data(self, clone: Path, *args: str, code: int | None = 0, **env: str) -> dict:
        """The `data` of a JSON answer."""
        answer = self.fleet(clone, *args, "--json", code=code, **env).json()
        if not answer.get("ok") and code == 0:
            raise Failed(f"not ok: {answer}")
        return answer.get("data") or answer

    def leftovers(self) -> list[str]:
        """Processes that live in this world, by their environment or folder; the story's own
        servers excepted."""
        own = {os.getpid()} | {t.process.pid for t in self.closers if hasattr(t, "process")}
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if int(entry.name) in own or b"Z" in (entry / "stat").read_bytes().rpartition(b")")[2][:3]:
                    continue
                here = str(self.root)
                lives = here in (entry / "environ").read_bytes().decode(errors="replace")
                lives = lives or os.readlink(entry / "cwd").startswith(here)
                if lives:
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found.append(f"{entry.name}: {words.strip()[:200]}")
            except OSError:
                continue
        return found

    def close(self) -> None:
        for thing in reversed(self.closers):
            thing.close()
        for line in self.leftovers():
            try:
                os.kill(int(line.partition(":")[0]), signal.SIGKILL)
            except OSError:
                pass
        # Objects in git are read-only, and a cache may hold read-only folders.
        shutil.rmtree(self.root, onerror=unlock)


def unlock(function, path, _why):
    os.chmod(os.path.dirname(path), 0o700)
    try:
        os.chmod(path, 0o700)
        function(path)
    except OSError:
        pass


def equal(what: str, got, wanted) -> None:
    if got != wanted:
        raise Failed(f"{what}: {got!r}, {wanted!r} was expected")


def contains(what: str, text: str, *parts: str) -> None:
    for part in parts:
        if part not in text:
            raise Failed(f"{what} does not hold {part!r}:\n{text}")


def lacks(what: str, text: str, *parts: str) -> None:
    for part in parts:
        if part in text:
            raise Failed(f"{what} holds {part!r}:\n{text}")


def matches(what: str, text: str, pattern: str) -> re.Match:
    found = re.search(pattern, text, re.M)
    if not found:
        raise Failed(f"{what} does not match {pattern!r}:\n{text}")
    return found
