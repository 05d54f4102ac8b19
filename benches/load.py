"""Section `load`: far more of everything than a project has on an ordinary day. Nothing may be lost and
no user may see an error; what it takes in time and memory is what is measured."""

import json
import os
import subprocess
import time

import ticks
import tracker
import work
from measure import Failed, part, read

CONFIG = ticks.CONFIG.replace("max_parallel = 8", "max_parallel = 50")


def wide_tick(lab, report, opt):
    """One tick, 500 ready tasks, 50 agents at once."""
    count = opt.ready
    repo, bare = ticks.with_remote(lab, "wide", 200, CONFIG)
    work.add_plan(lab, repo, ticks.small_tasks(count))
    wall, code, tree, own = lab.spawn([lab.fleet, "tick", "--json"], repo, watch=True)
    if code not in (0, 12):
        raise Failed("tick: exit %s: %s" % (code, read(lab.err)[-400:]))
    ended = [s["ended"] for s in json.loads(read(lab.out))["data"]["sessions"]]
    branches = lab.git(bare, "for-each-ref", "--format=%(refname)", "refs/heads/agent").split()
    if ended.count("in_review") != count or len(branches) != count:
        raise Failed("%d of %d in review, %d branches" % (ended.count("in_review"), count, len(branches)))
    row(report, "wide", "a tick with %d ready tasks, 50 agents at once" % count, wall, own / 1024,
        "%.0f tasks a second, each published by a push of its own" % (count / wall))


def full_state(lab, report, opt):
    """What a person and a tick wait for with 10,000 open and 100,000 closed tasks."""
    repo, _ = tracker.state_of(lab, "full", 10_000, closed_before=opt.closed)
    for key, argv in (("list", ["list", "--json"]), ("ready", ["ready", "--json"]), ("add", ["add", "A task"]),
                      ("dry_run", ["tick", "--dry-run"])):
        walls, peaks = [], []
        for _ in range(3):
            wall, code, _, own = lab.spawn([lab.fleet] + argv, repo, watch=True)
            if code:
                raise Failed("%s: exit %s: %s" % (" ".join(argv), code, read(lab.err)[-300:]))
            walls.append(wall)
            peaks.append(own / 1024)
        row(report, "full_" + key, "`%s`, 10,000 open and %d closed tasks" % (" ".join(argv), opt.closed),
            sorted(walls)[1], max(peaks), "")


def large_tree(lab, report, opt):
    """Eight agents at once in a repository of 50,000 files."""
    repo, _ = ticks.with_remote(lab, "tree", opt.files, CONFIG)
    work.add_plan(lab, repo, ticks.small_tasks(8))
    wall, code, _, own = lab.spawn([lab.fleet, "tick", "--json"], repo, watch=True)
    if code not in (0, 12):
        raise Failed("tick: exit %s: %s" % (code, read(lab.err)[-400:]))
    row(report, "tree", "a tick of 8 agents, %d files each" % opt.files, wall, own / 1024, "")


def additions(lab, report, opt):
    """100 `fleet add` at once: 8 clones, and in each as many processes as it takes."""
    clones, count = 8, 100
    repo, bare = ticks.with_remote(lab, "additions", 10, CONFIG)
    folders = []
    for n in range(clones):
        path = os.path.join(lab.work, "additions-%d" % n)
        lab.drop(path)
        lab.git(lab.work, "clone", "-q", bare, path)
        folders.append(path)
    started, running, times = time.perf_counter(), [], []
    for n in range(count):
        running.append((n, subprocess.Popen(
            [lab.fleet, "q", "addition %d" % n], cwd=folders[n % clones], env=lab.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)))
    waiting = dict(running)
    while waiting:
        for n, process in list(waiting.items()):
            if process.poll() is not None:
                times.append(time.perf_counter() - started)
                del waiting[n]
        time.sleep(0.002)
    later = 0
    for n, process in running:
        out, err = process.communicate()
        if process.returncode or b"error" in err:
            raise Failed("add %d: exit %s: %s" % (n, process.returncode, err[-300:]))
        later += out.startswith(b"T-~")
    for folder in folders:
        lab.sh(lab.fleet, "sync", cwd=folder)
    lab.sh(lab.fleet, "sync", cwd=repo)
    titles = [t["title"] for t in lab.json(repo, "list", "--all", "--limit", "1000")["tasks"]]
    if sorted(titles) != sorted("addition %d" % n for n in range(count)):
        raise Failed("%d of %d tasks are there" % (len(set(titles)), count))
    row(report, "additions", "%d additions at once from %d clones" % (count, clones), max(times), None,
        "p50 %.1f s; none lost; %d numbered by their own publish, %d by the next" % (
            part(times, 0.5), count - later, later))


def row(report, key, what, wall, peak, note):
    report.row(what, "%.2f" % wall, "" if peak is None else "%.0f" % peak, note)
    report.data["load_" + key] = {"s": round(wall, 3), "peak_mb": None if peak is None else round(peak, 1)}


def load(lab, report, opt):
    """All of the above, in one table."""
    report.head("Load", ["what", "s", "peak memory of fleet, MB", ""])
    wide_tick(lab, report, opt)
    full_state(lab, report, opt)
    large_tree(lab, report, opt)
    additions(lab, report, opt)
