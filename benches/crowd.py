"""Section `claims`: many clones of one remote want the next task at the same moment."""

import json
import os
import subprocess
import time

import ticks
import work
from measure import Failed, part


def at_once(lab, clones, argv, env):
    """Starts one process per clone; (seconds each, answers)."""
    started, running = time.perf_counter(), []
    for clone in clones:
        running.append(subprocess.Popen(argv, cwd=clone, env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    times, answers = {}, []
    waiting = dict(enumerate(running))
    while waiting:
        for n, process in list(waiting.items()):
            if process.poll() is not None:
                times[n] = time.perf_counter() - started
                del waiting[n]
        time.sleep(0.001)
    for process in running:
        out, err = process.communicate()
        if process.returncode:
            raise Failed("%s: exit %s: %s" % (" ".join(argv), process.returncode, (err or out)[-300:]))
        answers.append(json.loads(out)["data"])
    return [times[n] * 1000 for n in range(len(running))], answers


def claims(lab, report, opt):
    """`ready --claim` and `add` from N clones at once: every one gets a task of its own."""
    report.head("Clones at once on one local bare remote (%d cores)" % os.cpu_count(),
                ["clones", "what", "pushes a clone", "p50 ms", "p95 ms", "last ms", "lost"])
    counts = [int(n) for n in opt.clones.split(",")]
    rounds = 3
    repo, bare = ticks.with_remote(lab, "crowd", 100, ticks.CONFIG)
    work.add_plan(lab, repo, ticks.small_tasks((sum(counts) + 1) * rounds + 20))
    env, notes = ticks.wrapper(lab)
    env = dict(env, FLEET_SYNC_TIMEOUT="60s")
    clones = []
    for n in range(max(counts)):
        path = os.path.join(lab.work, "crowd-%d" % n)
        lab.drop(path)
        lab.git(lab.work, "clone", "-q", bare, path)
        clones.append(path)
    for count in counts:
        for what, argv in (("ready --claim", ["ready", "--claim", "--json"]), ("add", ["add", "A task", "--json"])):
            times, names, pushes = [], [], 0
            for _ in range(rounds):
                open(notes, "w").close()
                each, answers = at_once(lab, clones[:count], [lab.fleet] + argv, env)
                times += each
                names += [name_of(answer) for answer in answers]
                pushes += sum(kind == "push" for _, _, kind, _ in ticks.calls(notes))
            wanted = count * rounds
            kept = set(names)
            report.row(count, "`%s`" % what, "%.1f" % (pushes / wanted), "%.0f" % part(times, 0.5),
                       "%.0f" % part(times, 0.95), "%.0f" % max(times), wanted - len(kept))
            report.data["crowd_%s_%d" % (what.split()[0], count)] = {
                "pushes": round(pushes / wanted, 2), "p50_ms": round(part(times, 0.5), 1),
                "p95_ms": round(part(times, 0.95), 1), "lost": wanted - len(kept)}
            missing = kept - everything(lab, repo)
            if len(kept) != wanted or missing:
                raise Failed("%s from %d clones: %d of %d distinct, %s not in the state" % (
                    what, count, len(kept), wanted, sorted(missing)[:3]))


def name_of(answer):
    """Id of the task that an answer is about."""
    task = answer.get("task", answer)
    return task["id"] if isinstance(task, dict) else answer["id"]


def everything(lab, repo):
    lab.sh(lab.fleet, "sync", cwd=repo)
    return {row["id"] for row in lab.json(repo, "list", "--all")["tasks"]}
