"""A stand-in for GitHub: the npm package `emulate`, and what ties it to the git remote.

The emulation has pull requests, labels and merges but no git transport. Its object names are git's
own, so after each push the new commits are written to it through the REST git data API, and its
merge commits are written back: both sides then show the same names, as GitHub does.
"""

import base64
import json
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from world import Failed, free_port, run_git

OWNER, NAME = "octocat", "hello"


class GitHub:
    """One emulation with one repository; ends with `close`."""

    def __init__(self, prefix: Path, folder: Path, bare: Path, token: str):
        self.token, self.bare = token, bare
        modules = prefix / "node_modules"
        node = next(modules.glob("node-*/bin/node"))
        emulate = modules / "emulate" / "dist" / "index.js"
        seed = folder / "github.yaml"
        seed.write_text(
            f"tokens:\n  {token}:\n    login: {OWNER}\n    scopes: [repo, user]\n"
            f"github:\n  users:\n    - login: {OWNER}\n      name: The Owner\n      email: owner@example.com\n"
            f"  repos:\n    - owner: {OWNER}\n      name: {NAME}\n      auto_init: true\n"
        )
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = (folder / "github.log").open("wb")
        self.process = subprocess.Popen(
            [node, emulate, "start", "--service", "github", "--port", str(port), "--seed", seed],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder)}, start_new_session=True,
        )
        self.shown: dict[str, str] = {}
        self.known: set[str] = set()
        self.wait()

    def wait(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.call("GET", "")
                return
            except (OSError, Failed):
                time.sleep(0.1)
        raise Failed(f"the GitHub emulation did not start: {Path(self.log.name).read_text()}")

    def call(self, method: str, path: str, body: object = None) -> object:
        """One call below `/repos/OWNER/NAME`; the parsed answer."""
        request = urllib.request.Request(
            f"{self.url}/repos/{OWNER}/{NAME}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise Failed(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error

    def mirror(self) -> None:
        """Shows the branches that the bare repository has (not the state branch)."""
        listed = run_git(self.bare, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads")
        for line in listed.splitlines():
            ref, oid = line.split()
            if self.shown.get(ref) == oid or ref.startswith("refs/heads/fleet/"):
                continue
            for commit in run_git(self.bare, "rev-list", "--topo-order", "--reverse", oid).split():
                self.commit(commit)
            try:
                path = "/git/refs/" + urllib.parse.quote(ref.removeprefix("refs/"))
                self.call("PATCH", path, {"sha": oid, "force": True})
            except Failed:
                self.call("POST", "/git/refs", {"ref": ref, "sha": oid})
            self.shown[ref] = oid

    def commit(self, oid: str) -> None:
        if oid in self.known:
            return
        show = lambda what: run_git(self.bare, "show", "-s", f"--format={what}", oid).rstrip("\n")
        person = lambda who: {"name": show(f"%{who}n"), "email": show(f"%{who}e"), "date": show(f"%{who}I")}
        raw = run_git(self.bare, "cat-file", "commit", oid)
        made = self.call("POST", "/git/commits", {
            "message": raw.partition("\n\n")[2], "tree": self.tree(show("%T")),
            "parents": show("%P").split(), "author": person("a"), "committer": person("c"),
        })
        if made["sha"] != oid:
            raise Failed(f"the emulation calls commit {oid} {made['sha']}")
        self.known.add(oid)

    def tree(self, oid: str) -> str:
        if oid in self.known:
            return oid
        entries = []
        for line in run_git(self.bare, "ls-tree", "-z", oid).split("\0")[:-1]:
            mode, kind, inner, path = *line.partition("\t")[0].split(), line.partition("\t")[2]
            if kind == "tree":
                self.tree(inner)
            elif inner not in self.known:
                blob = subprocess.run(["git", "cat-file", "blob", inner], cwd=self.bare, capture_output=True, check=True)
                content = base64.b64encode(blob.stdout).decode()
                self.call("POST", "/git/blobs", {"content": content, "encoding": "base64"})
                self.known.add(inner)
            entries.append({"mode": mode, "type": kind, "sha": inner, "path": path})
        made = self.call("POST", "/git/trees", {"tree": entries})
        if made["sha"] != oid:
            raise Failed(f"the emulation calls tree {oid} {made['sha']}")
        self.known.add(oid)
        return oid

    def pulls(self) -> list[dict]:
        return self.call("GET", "/pulls?state=all&per_page=100&sort=created&direction=asc")

    def merge(self, number: int) -> str:
        """Presses "Ready for review" and "Merge"; the merge commit is in the git remote too."""
        self.call("PATCH", f"/pulls/{number}", {"draft": False})
        oid = self.call("PUT", f"/pulls/{number}/merge", {"merge_method": "merge"})["sha"]
        base = self.call("GET", f"/pulls/{number}")["base"]["ref"]
        made = self.call("GET", f"/git/commits/{oid}")
        stamp = lambda who: f"{who['name']} <{who['email']}> {epoch(who['date'])} +0000"
        lines = [f"tree {made['tree']['sha']}", *(f"parent {p['sha']}" for p in made["parents"]),
                 f"author {stamp(made['author'])}", f"committer {stamp(made['committer'])}", ""]
        raw = "\n".join(lines) + "\n" + made["message"].rstrip("\n") + "\n"
        done = subprocess.run(["git", "hash-object", "-w", "-t", "commit", "--stdin"], cwd=self.bare,
                              input=raw.encode(), capture_output=True, check=True)
        if done.stdout.decode().strip() != oid:
            raise Failed(f"the merge commit is not git's: {raw}")
        run_git(self.bare, "update-ref", f"refs/heads/{base}", oid)
        self.shown[f"refs/heads/{base}"] = oid
        self.known.add(oid)
        return oid

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def epoch(date: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp())
