"""Deterministic work: tasks as a plan for `fleet add --graph`, and repositories of many files."""

import datetime
import json
import os
import random
import uuid

WORDS = ("parser cache index shard queue worker retry commit branch merge ledger record schema "
         "lease agent prompt budget window review patch deploy probe socket buffer thread token "
         "header cursor replay journal digest vector policy signal router planner sandbox when the "
         "must not only after each before while store load write read emit drop keep split").split()
VERBS = "Fix Add Remove Refactor Document Test Harden Split Merge Trace Verify Port Limit".split()
LABELS = "core cli docs perf infra sync ui test".split()
# A plan is read up to 16 MiB; this many tasks stay well below it.
CHUNK = 10_000


def tasks(count, first=0, seed=20261121):
    """`count` tasks with ~400 bytes of text and 1.5 edges each to earlier ones (a DAG)."""
    rng = random.Random(seed + first)
    out = []
    for n in range(count):
        edges = set()
        for _ in range(min(rng.choices((0, 1, 2, 3), (20, 30, 30, 20))[0], n)):
            low = max(0, n - 50) if rng.random() < 0.5 else 0
            edges.add(rng.randrange(low, n))
        words, size, want = [], 0, rng.randrange(340, 461)
        while size < want:
            words.append(rng.choice(WORDS))
            size += len(words[-1]) + 1
        out.append({
            "id": "n%06d" % (first + n),
            "title": "N%06d %s %s %s" % (first + n, rng.choice(VERBS), rng.choice(WORDS), rng.choice(WORDS)),
            "body": " ".join(words),
            "priority": rng.choices((0, 1, 2, 3, 4), (5, 20, 45, 20, 10))[0],
            "labels": rng.sample(LABELS, rng.randrange(0, 3)),
            "deps": ["n%06d" % (first + d) for d in sorted(edges)],
        })
    return out


def closed_of(count, share=0.3, seed=7):
    """Which tasks (by position) are closed; older ones likelier."""
    rng = random.Random(seed)
    wanted = int(count * share)
    order = sorted(range(count), key=lambda n: rng.random() + 0.8 * n / max(1, count))
    return sorted(order[:wanted])


def repository(lab, name, files):
    """A repository of `files` files of ~600 bytes, 100 a folder; one commit on main."""
    path = lab.fresh_dir(name)
    lab.git(path, "init", "-q", "-b", "main")
    texts = [t["body"] for t in tasks(500)]
    stream = ["commit refs/heads/main\ncommitter bench <b@example.org> 1760000000 +0000\ndata 4\nseed\n"]
    for i in range(files):
        body = "file %d\n%s\n" % (i, texts[i % len(texts)])
        stream.append("M 100644 inline src/d%04d/f%05d.txt\ndata %d\n%s\n" % (i // 100, i, len(body), body))
    lab.git(path, "fast-import", "--quiet", stdin="".join(stream).encode())
    lab.git(path, "reset", "-q", "--hard")
    return path


def small_repository(lab, name):
    path = lab.fresh_dir(name)
    lab.git(path, "init", "-q", "-b", "main")
    with open(os.path.join(path, "README.md"), "w") as f:
        f.write("bench\n")
    lab.git(path, "add", "-A")
    lab.git(path, "commit", "-q", "-m", "first")
    return path


def add_plan(lab, repo, plan):
    """Adds tasks in as few publishes as the size of a plan allows; their ids in order."""
    ids = []
    for start in range(0, len(plan), CHUNK):
        chunk = plan[start:start + CHUNK]
        names = {t["id"] for t in chunk}
        chunk = [dict(t, deps=[d for d in t["deps"] if d in names]) for t in chunk]
        text = json.dumps({"tasks": chunk}).encode()
        answer = json.loads(lab.sh(lab.fleet, "add", "--graph", "-", "--json", cwd=repo, stdin=text))
        ids += [row["id"] for row in answer["data"]["tasks"]]
    return ids


def close(lab, repo, ids):
    for start in range(0, len(ids), 5_000):
        lab.sh(lab.fleet, "close", *ids[start:start + 5_000], cwd=repo)


def write_history(lab, repo, count, days=30):
    """Puts `count` tasks into the log, added and closed `days` ago, as docs/formats.md says: what a
    repository looks like that has been at work for long. No command can say "a month ago"."""
    rng = random.Random(99)
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
    month = start.strftime("%Y-%m")
    segments, lines, size, clock = [], [], 0, 0

    def record(op, **fields):
        nonlocal lines, size, clock
        clock += 1
        ms = int(start.timestamp() * 1000) + clock // 1000
        uid = uuid.UUID(int=(ms << 80) | (7 << 76) | (rng.getrandbits(12) << 64) | (2 << 62) | rng.getrandbits(62))
        moment = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
        ts = "%s.%03d%06dZ" % (moment.strftime("%Y-%m-%dT%H:%M:%S"), ms % 1000, clock % 1000)
        line = json.dumps({"v": 1, "id": str(uid), "ts": ts, "by": "human:bench", "run": "bench", "op": op, **fields},
                          separators=(",", ":")) + "\n"
        if len(lines) == 500 or size + len(line) > 64_000:
            segments.append("".join(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line)
        return str(uid)

    uids = {}
    for n, task in enumerate(tasks(count, first=1_000_000), 1):
        fields = {"title": task["title"], "body": task["body"], "priority": task["priority"]}
        more = {"labels": task["labels"]} if task["labels"] else {}
        uids[task["id"]] = record("task.added", n=n, set=fields, **more)
        for dep in task["deps"]:
            # The generator names edges by position from `first`.
            record("dep.added", **{"from": uids[task["id"]], "to": uids[dep], "kind": "blocks"})
    for uid in uids.values():
        record("task.closed", task=uid, outcome="done")
    segments.append("".join(lines))
    stream = ["commit refs/heads/fleet/state\ncommitter bench <b@example.org> %d +0000\ndata 8\nhistory\n"
              "from refs/heads/fleet/state^0\n" % int(start.timestamp())]
    for seg, text in enumerate(segments):
        stream.append("M 100644 inline .orchestra/log/%s/benchhistory-%04d.jsonl\ndata %d\n%s\n" % (
            month, seg, len(text.encode()), text))
    lab.git(repo, "fast-import", "--quiet", stdin="".join(stream).encode())
