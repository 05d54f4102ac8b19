"""Sections `tracker` and `closed`: the commands of the tracker on states of many tasks."""

import itertools
import os
import shutil

import work
from measure import COLUMNS, med


def state_of(lab, name, opened, closed_before=0, closed_share=0.0):
    """A repository with a state as a team has it after a tick: its checkpoint is written."""
    repo = work.small_repository(lab, name)
    lab.sh(lab.fleet, "init", cwd=repo)
    if os.path.isdir(os.path.join(repo, ".orchestra")):
        lab.git(repo, "add", "-A")
        lab.git(repo, "commit", "-q", "-m", "configuration")
    if closed_before:
        work.write_history(lab, repo, closed_before)
        checkpoint(lab, repo)
    ids = work.add_plan(lab, repo, work.tasks(opened))
    if closed_share:
        work.close(lab, repo, [ids[n] for n in work.closed_of(opened, closed_share)])
    checkpoint(lab, repo)
    lab.git(repo, "repack", "-adq")
    return repo, ids


def checkpoint(lab, repo):
    """`sync` writes the checkpoint when it is due, as a tick does."""
    lab.sh(lab.fleet, "sync", cwd=repo)


def state_bytes(lab, repo, path):
    """The checkpoint's files of the state, one after the other, for `cat`."""
    names = [n for n in lab.git(repo, "ls-tree", "-r", "--name-only", "fleet/state").splitlines()
             if "/log/" not in n and "/archive/" not in n]
    with open(path, "wb") as out:
        for name in names:
            out.write(lab.sh("git", "cat-file", "blob", "fleet/state:" + name, cwd=repo))
    return path


class OneFile:
    """The floor of a durable change: `git commit` of one file of one line, objects fsynced."""

    def __init__(self, lab, name):
        self.lab = lab
        self.repo = work.small_repository(lab, name)
        self.turn = itertools.count()

    def commit(self):
        with open(os.path.join(self.repo, "README.md"), "a") as f:
            f.write("line %d\n" % next(self.turn))
        return self.lab.timed(
            ["git", "-c", "core.fsync=all", "commit", "-q", "--no-status", "-m", "x", "--", "README.md"],
            self.repo)


def clone_of(lab, repo, name):
    """A fresh clone, as git makes it, that has only just been made."""
    path = os.path.join(lab.work, name)
    shutil.rmtree(path, ignore_errors=True)
    lab.git(lab.work, "clone", "-q", "--no-local", repo, path)
    return path


def tracker(lab, report, opt):
    floor = OneFile(lab, "floor")
    for size in [int(s) for s in opt.sizes.split(",")]:
        repo, ids = state_of(lab, "tracker%d" % size, size, closed_share=0.3)
        bytes_file = state_bytes(lab, repo, os.path.join(lab.work, "state.jsonl"))
        open_ids = [row["id"] for row in lab.json(repo, "list")["tasks"]]
        updates, closes = iter(open_ids[10:]), iter(reversed(open_ids))
        text = work.tasks(1)[0]["body"]
        fleet = lab.fleet

        def first_in_clone():
            clone = clone_of(lab, repo, "clone")
            return lab.timed([fleet, "ready", "--json"], clone)

        jobs = {
            "cat": lambda: lab.timed(["cat", bytes_file], lab.work),
            "git": floor.commit,
            "add": lambda: lab.timed([fleet, "add", "A new task", "--body", text, "-p", "2"], repo),
            "update": lambda: lab.timed([fleet, "update", next(updates), "--title", "Another title"], repo),
            "close": lambda: lab.timed([fleet, "close", next(closes)], repo),
            "show": lambda: lab.timed([fleet, "show", open_ids[5], "--json"], repo),
            "list": lambda: lab.timed([fleet, "list", "--json"], repo),
        }
        times = lab.rounds(opt.runs, jobs)
        # Each write makes a new state, so `ready` is timed apart from writes: warm, as a second
        # look at one state, and cold, as the first look at a state nobody has read yet.
        times |= lab.rounds(opt.runs, {
            "cat2": jobs["cat"],
            "ready": lambda: lab.timed([fleet, "ready", "--json"], repo),
        })

        def after_write():
            lab.timed([fleet, "update", next(updates), "--title", "One more title"], repo)
            return lab.timed([fleet, "ready", "--json"], repo)
        times |= lab.rounds(opt.runs, {"after": after_write, "cat3": jobs["cat"]})
        times |= lab.rounds(opt.runs, {"clone": first_in_clone, "cat4": jobs["cat"]})
        memory = lab.memory([fleet, "ready", "--json"], repo)
        big = size > 1_000
        report.head("The tracker at %d tasks, 30 %% of them closed (no remote)" % size, COLUMNS)
        write, look = (12, 20) if big else (8, 5)
        git, name = times["git"], "`git commit` of one file"
        report.figure("add_%d" % size, "`add`, in a commit, fsynced", times["add"], write, git, name)
        report.figure("update_%d" % size, "`update`", times["update"], write, git, name)
        report.figure("close_%d" % size, "`close`", times["close"], write, git, name)
        cat = "`cat` of the checkpoint"
        report.figure("ready_%d" % size, "`ready --json`, all rows", times["ready"], look, times["cat2"], cat,
                      "peak memory %.0f MB" % memory if memory else "")
        report.figure("ready_after_%d" % size, "`ready --json` right after a write", times["after"], look,
                      times["cat3"], cat)
        report.figure("ready_clone_%d" % size, "`ready --json`, the first in a fresh clone", times["clone"],
                      30 if big else None, times["cat4"], cat)
        report.figure("list_%d" % size, "`list --json`, all open", times["list"], 30 if big else None,
                      times["cat"], cat)
        report.figure("show_%d" % size, "`show --json`", times["show"], None, times["cat"], cat)
        report.figure("git_%d" % size, "floor: `git commit` of one file, fsynced", git)
        report.figure("cat_%d" % size, "floor: `cat` of the checkpoint", times["cat"], note="%.2f MB" % (
            os.path.getsize(bytes_file) / 1e6))
        report.data["ready_rss_mb_%d" % size] = memory and round(memory, 1)


def closed(lab, report, opt):
    """Cost follows live work: the same open tasks, without and with many closed ones."""
    few, _ = state_of(lab, "live", 10_000)
    many, _ = state_of(lab, "history", 10_000, closed_before=opt.closed)
    report.head("10,000 open tasks, without and with %d closed ones" % opt.closed,
                ["what", "without, ms", "with, ms", "more", "target"])
    jobs = {}
    for key, repo in (("few", few), ("many", many)):
        edits = iter([row["id"] for row in lab.json(repo, "list", "--limit", "60")["tasks"]])
        jobs[key + " ready"] = lambda repo=repo: lab.timed([lab.fleet, "ready", "--json"], repo)
        jobs[key + " list"] = lambda repo=repo: lab.timed([lab.fleet, "list", "--json"], repo)
        jobs[key + " add"] = lambda repo=repo: lab.timed([lab.fleet, "add", "A task"], repo)
        jobs[key + " update"] = lambda repo=repo, edits=edits: lab.timed(
            [lab.fleet, "update", next(edits), "--title", "Another title"], repo)
        jobs[key + " ready again"] = jobs[key + " ready"]
    times = lab.rounds(opt.runs, jobs)
    for what in ("ready", "ready again", "list", "add", "update"):
        a, b = med(times["few " + what]), med(times["many " + what])
        more = 100 * (b / a - 1)
        report.data["closed_more_percent_" + what.replace(" ", "_")] = round(more, 1)
        report.row("`%s`" % what, "%.1f" % a, "%.1f" % b, "%+.0f %%" % more,
                   "≤ 20 %: " + ("met" if more <= 20 else "**missed**"))
