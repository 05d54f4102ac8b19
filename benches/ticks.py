"""Sections `idle`, `agents` and `workspace`: `fleet tick` against a local bare remote."""

import concurrent.futures
import json
import os
import re
import shutil
import stat
import time

import work
from measure import COLUMNS, Failed, med, read

CONFIG = """base_branch = "main"
[tick]
max_parallel = 8
max_claims = 1000
[agents.noop]
kind = "command"
argv = ["/bin/sh", "%s", "{task}"]
max_parallel = 8
"""


def wrapper(lab):
    """A `git` that notes each call with its times, in front of the real one. Returns (environment,
    file of notes). Used to count and to find phases, never where milliseconds of git matter."""
    real = shutil.which("git", path=lab.env["PATH"])
    folder = lab.fresh_dir("git-wrapper")
    notes = os.path.join(lab.work, "git-notes")
    path = os.path.join(folder, "git")
    with open(path, "w") as f:
        f.write('#!/bin/bash\nstarted=$EPOCHREALTIME\n"%s" "$@"\ncode=$?\n'
                'printf "%%s %%s %%s\\n" "$started" "$EPOCHREALTIME" "$*" >> "%s"\nexit $code\n' % (real, notes))
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return dict(lab.env, PATH=folder + ":" + lab.env["PATH"]), notes


def calls(notes):
    """What the wrapper noted: (start, end, git's sub-command, all arguments)."""
    found = []
    for line in read(notes).splitlines():
        started, ended, words = (line.split(" ", 2) + [""])[:3]
        m = re.search(r"(?:^|\s)(fetch|push|read-tree|ls-remote|[a-z][a-z-]+)(?=\s|$)",
                      re.sub(r"-c \S+|--git-dir\S*|--work-tree\S*", "", words))
        found.append((float(started), float(ended), m.group(1) if m else "?", words))
    return found


def with_remote(lab, name, files, config, agent_text='echo done > "result-$1.txt"\n'):
    """A repository of `files` files with a bare remote beside it and a command agent."""
    repo = work.repository(lab, name, files)
    bare = os.path.join(lab.work, name + ".git")
    shutil.rmtree(bare, ignore_errors=True)
    lab.git(lab.work, "init", "-q", "--bare", "-b", "main", bare)
    agent = os.path.join(lab.work, name + "-agent.sh")
    with open(agent, "w") as f:
        f.write(agent_text)
    os.makedirs(os.path.join(repo, ".orchestra"), exist_ok=True)
    text = config % agent
    if "[sandbox]" not in text:
        # The script lies outside of what a confined agent sees; what walls cost is measured by itself.
        text += '[sandbox]\nmode = "off"\n'
    with open(os.path.join(repo, ".orchestra", "config.toml"), "w") as f:
        f.write(text)
    lab.git(repo, "add", "-A")
    lab.git(repo, "commit", "-q", "-m", "configuration")
    lab.git(repo, "remote", "add", "origin", bare)
    lab.git(repo, "push", "-q", "origin", "main")
    lab.sh(lab.fleet, "init", cwd=repo)
    return repo, bare


def small_tasks(count, paths=lambda n: ["result-T-%d.txt" % (n + 1)]):
    return [dict(t, deps=[], paths=paths(n)) for n, t in enumerate(work.tasks(count))]


def idle(lab, report, opt):
    """A tick that finds nothing to do costs one fetch."""
    repo, _ = with_remote(lab, "idle", 1_000, CONFIG)
    later = [dict(t, defer_until="2099-01-01T00:00:00Z") for t in work.tasks(1_000)]
    ids = work.add_plan(lab, repo, later)
    work.close(lab, repo, ids[:300])
    lab.sh(lab.fleet, "tick", cwd=repo)
    lab.sh(lab.fleet, "tick", cwd=repo)
    before = lab.git(repo, "rev-parse", "refs/remotes/origin/fleet/state")
    env, notes = wrapper(lab)
    open(notes, "w").close()
    if lab.spawn([lab.fleet, "tick"], repo, env)[1]:
        raise Failed("an idle tick failed: " + read(lab.err)[-300:])
    used = calls(notes)
    kinds = [kind for _, _, kind, _ in used]
    if lab.git(repo, "rev-parse", "refs/remotes/origin/fleet/state") != before:
        raise Failed("the tick was not idle: the state moved")
    # The very fetch that the tick makes, as the wrapper saw it.
    fetch = next(words for _, _, kind, words in used if kind == "fetch").split()
    times = lab.rounds(opt.runs * 2, {
        "fetch": lambda: lab.timed(["git"] + fetch, repo),
        "tick": lambda: lab.timed([lab.fleet, "tick"], repo),
    })
    over = [t - f for t, f in zip(times["tick"], times["fetch"])]
    report.head("An idle tick: 1,000 tasks, 1,000 files, a local bare remote", COLUMNS)
    report.figure("idle_tick", "`fleet tick`, nothing to do", times["tick"], None, times["fetch"],
                  "its own `git fetch`", "%d fetch, %d push, %d git processes" % (
                      kinds.count("fetch"), kinds.count("push"), len(kinds)))
    report.figure("idle_over", "over the fetch itself", over, 30)
    report.figure("idle_fetch", "floor: the same `git fetch`", times["fetch"])
    report.data["idle_calls"] = {k: kinds.count(k) for k in sorted(set(kinds))}
    report.row("fetches; pushes", "%d; %d" % (kinds.count("fetch"), kinds.count("push")), "", "", "",
               "≤ 1; 0: " + ("met" if kinds.count("fetch") <= 1 and not kinds.count("push") else "**missed**"), "")


def plain_task(lab, bare, repo, folder, n):
    """What one task needs of git, by hand: clone, checkout, commit, push."""
    path = os.path.join(folder, "w%d" % n)
    started = time.perf_counter()
    lab.git(folder, "clone", "-q", "--shared", "--no-checkout", repo, path)
    lab.git(path, "checkout", "-q", "-b", "plain/%d" % n, "origin/main")
    with open(os.path.join(path, "result.txt"), "w") as f:
        f.write("done\n")
    lab.git(path, "add", "result.txt")
    lab.git(path, "commit", "-q", "-m", "task")
    lab.git(path, "push", "-q", bare, "HEAD:refs/heads/plain/%d" % n)
    shutil.rmtree(path)
    return (time.perf_counter() - started) * 1000


def agents(lab, report, opt):
    """Many small tasks through one tick, eight at once."""
    count = opt.tasks
    walls, peaks, plain, plain_walls = [], [], [], []
    for turn in range(max(3, opt.runs // 3)):
        repo, bare = with_remote(lab, "agents", 1_000, CONFIG)
        work.add_plan(lab, repo, small_tasks(count))
        wall, code, _, own = lab.spawn([lab.fleet, "tick"], repo, watch=True)
        if code not in (0, 12):
            raise Failed("tick: exit %s: %s" % (code, read(lab.err)[-400:]))
        branches = lab.git(bare, "for-each-ref", "--format=%(refname)", "refs/heads/agent").split()
        if len(branches) != count:
            raise Failed("%d branches of %d tasks: %s" % (len(branches), count, read(lab.err)[-400:]))
        walls.append(wall)
        peaks.append(own / 1024)
        folder = lab.fresh_dir("plain")
        plain += [plain_task(lab, bare, repo, folder, n) for n in range(5)]
        started = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: plain_task(lab, bare, repo, folder, n), range(5, 5 + count)))
        plain_walls.append(time.perf_counter() - started)
    wall, hand = med(walls), med(plain_walls)
    rate, peak = count / wall, med(peaks)
    report.head("A tick of %d no-op command agents, 8 at once, 1,000 files" % count,
                ["what", "value", "range", "beside it", "target"])
    report.row("whole tick, s", "%.2f" % wall, "%.2f–%.2f (%d runs)" % (min(walls), max(walls), len(walls)),
               "%.2f s for the plain git commands of all tasks, 8 at once" % hand, "")
    report.row("tasks a second", "%.1f" % rate, "", "%.1f by plain git" % (count / hand),
               "≥ 10: " + ("met" if rate >= 10 else "**missed**"))
    report.row("cost a task, ms", "%.0f" % (1000 * wall / count), "", "%.2f × plain git, 8 at once; %.2f × plain git "
               "(%.0f ms), one after the other" % (wall / hand, 1000 * wall / count / med(plain), med(plain)), "")
    report.row("peak memory of fleet, MB", "%.0f" % peak, "", "", "< 100: " + ("met" if peak < 100 else "**missed**"))
    report.data["agents"] = {"wall_s": round(wall, 3), "tasks_per_s": round(rate, 2), "peak_mb": round(peak, 1),
                             "plain_s": round(hand, 3), "plain_one_ms": round(med(plain), 1)}
    lab.drop(os.path.join(lab.work, "plain"))


def workspace(lab, report, opt):
    """From the published claim to the started agent, on a large repository."""
    stamp = os.path.join(lab.work, "agent-started")
    text = 'echo $EPOCHREALTIME > "%s"\necho done > "src/$(printf d%%04d "${1#T-}")/result.txt"\n' % stamp
    config = CONFIG.replace("/bin/sh", "/bin/bash")
    repo, _ = with_remote(lab, "large", opt.files, config, text)
    written = os.path.join(repo, ".orchestra", "config.toml")
    plain_config = read(written)
    env, notes = wrapper(lab)
    runs = max(3, opt.runs // 3)
    ids = work.add_plan(lab, repo, small_tasks(3 * runs, lambda n: ["src/d%04d/**" % (n + 1)]))

    def prepare(task, pool, narrow=False):
        if not pool:
            drop_parked(lab, repo)
        with open(written, "w") as f:
            f.write(("sparse_workspaces = true\n" if narrow else "") + plain_config)
        open(notes, "w").close()
        if os.path.exists(stamp):
            os.remove(stamp)
        _, code, _, _ = lab.spawn([lab.fleet, "tick", "--only", task, "--max", "1"], repo, env)
        if not os.path.exists(stamp):
            raise Failed("the agent did not start (exit %s): %s" % (code, read(lab.err)[-400:]))
        started = float(read(stamp))
        claimed = max(end for _, end, kind, _ in calls(notes) if kind == "push" and end < started)
        return (started - claimed) * 1000

    def plain(workers):
        path = os.path.join(lab.work, "plain-large")
        shutil.rmtree(path, ignore_errors=True)
        return lab.timed(["git", "clone", "-q", "--shared", "--no-checkout", repo, path], lab.work) + lab.timed(
            ["git", "-c", "checkout.workers=%d" % workers, "checkout", "-q"], path)

    sparse, full = iter(ids[:runs]), iter(ids[runs:])
    times = lab.rounds(runs, {
        "git": lambda: plain(2),
        "sparse": lambda: prepare(next(sparse), False, narrow=True),
        "fresh": lambda: prepare(next(full), False),
        "again": lambda: prepare(next(full), True),
    }, warm=0)
    report.head("A workspace of a repository of %d files" % opt.files, COLUMNS)
    name = "`git clone --shared`, checkout"
    report.figure("workspace_fresh", "full workspace, made anew", times["fresh"], med(times["git"]), times["git"], name,
                  "target: git's own checkout beside it")
    report.figure("workspace_again", "full workspace, a clean one reused", times["again"], med(times["git"]),
                  times["git"], name)
    report.figure("workspace_sparse", "sparse, the task's paths are one folder", times["sparse"], med(times["git"]),
                  times["git"], name)
    report.figure("workspace_git", "floor: git's own, two workers", times["git"])


def drop_parked(lab, repo):
    """Removes clean checkouts that wait for reuse, wherever this repository keeps them."""
    for top in (os.path.join(repo, ".git", "fleet"), os.path.join(lab.env["HOME"], ".cache")):
        for root, folders, _ in os.walk(top):
            if "pool" in folders:
                shutil.rmtree(os.path.join(root, "pool"))
                os.makedirs(os.path.join(root, "pool"))
