"""One table of tools: how to find, seed and drive each of them.

Every command is an argv list (no shell).  Placeholders:
  {bin}     the tool's binary        {id}     the tool's own id of one task
  {title}   a new task's title       {desc}   its description
  {file}    import or export file    {n}      the size of the store
A command may also be a list of argv lists: they run in turn and are timed as one.
None (or a missing key) means "the tool has no such operation".

Keys of an entry
  bin        names looked up in the prefix, then on PATH (run.py --tool NAME=PATH wins)
  kind       one line: language, storage
  init       makes an empty store in a fresh git repository
  seed       function(dir, recs) -> map n -> tool id; writes the tool's own on-disk
             form directly (100 000 CLI creates are not feasible)
  imp        a command that bulk-imports what seed left in {file}; timed as "import"
  ready/list/show/create/update/close/export   the measured operations
  commit     commands that make the last change durable in git (after create)
  store      paths whose size is the store's size on disk
  clone_setup commands run once in a fresh clone before its first read (not timed)
  git        "tree" (files in the working branch), "own" (own branch, own sync), or None
  sync       for git="own": the command that exchanges with origin
  bare_origin the tool refuses to work without an origin remote: give it a local bare one
  env        extra environment
  id_re      regular expression: the new task's id in create's output
  max_n      biggest store worth trying (the slow ones)
  floor      no tracker: no peer is it, and ratios to it stand on their own
"""
import hashlib
import json
import os

import gen


def _w(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def _short(rec):
    return rec["id"][3:]


# ---------------------------------------------------------------- seeding functions

def _beads_lines(recs):
    for r in recs:
        o = {"id": r["id"], "title": r["title"], "description": r["description"],
             "status": r["status"], "priority": r["priority"], "issue_type": "task",
             "created_at": r["created_at"], "updated_at": r["updated_at"]}
        if r["status"] == "closed":
            o["closed_at"] = r["closed_at"]
        if r["labels"]:
            o["labels"] = r["labels"]
        if r["deps"]:
            o["dependencies"] = [{"issue_id": r["id"], "depends_on_id": x, "type": "blocks",
                                  "created_at": r["created_at"], "created_by": "bench"}
                                 for x in r["deps"]]
        yield json.dumps(o, separators=(",", ":")) + "\n"


def seed_floor(d, recs):
    os.makedirs(os.path.join(d, "tasks"), exist_ok=True)
    gen.write(recs, os.path.join(d, "tasks/all.jsonl"))
    _w(os.path.join(d, "note"), "a file to change\n")
    return {r["n"]: r["id"] for r in recs}


def seed_fleet(d, recs):
    """Beads lines for `fleet import`, which numbers tasks in their order."""
    with open(os.path.join(d, "import.jsonl"), "w") as f:
        f.write("".join(_beads_lines(recs)))
    return {r["n"]: "T-%d" % (i + 1) for i, r in enumerate(recs)}


def seed_br(d, recs):
    _w(os.path.join(d, ".beads/issues.jsonl"), "".join(_beads_lines(recs)))
    return {r["n"]: r["id"] for r in recs}


def seed_bdrs(d, recs):
    _w(os.path.join(d, "import.jsonl"), "".join(_beads_lines(recs)))
    return {r["n"]: r["id"] for r in recs}


def seed_bdgo(d, recs):
    _w(os.path.join(d, ".gitignore"), "*.db\n*.db-*\nimport.jsonl\n")
    num = {r["id"]: "bn-%d" % (r["n"] + 1) for r in recs}     # this version counts
    re_id = [dict(r, id=num[r["id"]], deps=[num[x] for x in r["deps"]]) for r in recs]
    _w(os.path.join(d, "import.jsonl"), "".join(_beads_lines(re_id)))
    return {r["n"]: num[r["id"]] for r in recs}


def _uuid(rec):
    h = hashlib.sha1(rec["id"].encode()).hexdigest()
    return "%s-%s-4%s-8%s-%s" % (h[:8], h[8:12], h[13:16], h[17:20], h[20:32])


def seed_tw(d, recs):
    by = {r["id"]: _uuid(r) for r in recs}
    pr = {0: "H", 1: "H", 2: "M", 3: "L", 4: ""}

    def ts(s):
        return s[:19].replace("-", "").replace(":", "") + "Z"
    out = []
    for r in recs:
        o = {"uuid": by[r["id"]], "description": r["title"],
             "entry": ts(r["created_at"]), "modified": ts(r["updated_at"]),
             "status": "completed" if r["status"] == "closed" else "pending",
             "annotations": [{"entry": ts(r["created_at"]), "description": r["description"]}]}
        if pr[r["priority"]]:
            o["priority"] = pr[r["priority"]]
        if r["status"] == "closed":
            o["end"] = ts(r["closed_at"])
        if r["deps"]:
            o["depends"] = [by[x] for x in r["deps"]]
        if r["labels"]:
            o["tags"] = r["labels"]
        out.append(json.dumps(o, separators=(",", ":")))
    _w(os.path.join(d, "import.jsonl"), "[\n" + ",\n".join(out) + "\n]\n")
    return {r["n"]: by[r["id"]] for r in recs}


def seed_tk(d, recs):
    for r in recs:
        _w(os.path.join(d, ".tickets", r["id"] + ".md"),
           "---\nid: %s\nstatus: %s\ndeps: [%s]\nlinks: []\ncreated: %s\ntype: task\n"
           "priority: %d\nassignee: bench\n---\n# %s\n\n%s\n\n" % (
               r["id"], r["status"], ", ".join(r["deps"]), r["created_at"][:19] + "Z",
               r["priority"], r["title"], r["description"]))
    return {r["n"]: r["id"] for r in recs}


def seed_backlog(d, recs):
    num = {r["id"]: r["n"] + 1 for r in recs}
    pr = {0: "high", 1: "high", 2: "medium", 3: "low", 4: "low"}
    for r in recs:
        deps = "dependencies:\n" + "".join("  - TASK-%d\n" % num[x] for x in r["deps"]) \
            if r["deps"] else "dependencies: []\n"
        _w(os.path.join(d, "backlog/tasks", "task-%d - %s.md" % (
            r["n"] + 1, r["title"].replace(" ", "-"))),
           "---\nid: TASK-%d\ntitle: %s\nstatus: %s\nassignee: []\ncreated_date: '%s'\n"
           "labels: [%s]\n%spriority: %s\nordinal: %d\n---\n\n## Description\n\n"
           "<!-- SECTION:DESCRIPTION:BEGIN -->\n%s\n<!-- SECTION:DESCRIPTION:END -->\n" % (
               r["n"] + 1, r["title"], "Done" if r["status"] == "closed" else "To Do",
               r["created_at"][:16].replace("T", " "), ", ".join(r["labels"]), deps,
               pr[r["priority"]], (r["n"] + 1) * 1000, r["description"]))
    return {r["n"]: "task-%d" % (r["n"] + 1) for r in recs}


def seed_tm(d, recs):
    num = {r["id"]: r["n"] + 1 for r in recs}
    pr = {0: "high", 1: "high", 2: "medium", 3: "low", 4: "low"}
    tasks = [{"id": r["n"] + 1, "title": r["title"], "description": r["description"],
              "details": "", "testStrategy": "",
              "status": "done" if r["status"] == "closed" else "pending",
              "dependencies": [num[x] for x in r["deps"]], "priority": pr[r["priority"]],
              "subtasks": []} for r in recs]
    _w(os.path.join(d, ".taskmaster/tasks/tasks.json"), json.dumps(
        {"master": {"tasks": tasks, "metadata": {
            "created": "2026-01-01T00:00:00.000Z", "updated": "2026-01-01T00:00:00.000Z",
            "description": "bench"}}}, indent=2))
    return {r["n"]: str(r["n"] + 1) for r in recs}


CROCK = "0123456789abcdefghjkmnpqrstvwxyz"


def _ulid(rec):
    v = int(hashlib.sha1(rec["id"].encode()).hexdigest()[:20], 16) | ((1767225600000 + rec["n"] * 37000) << 80)
    s = ""
    for _ in range(26):
        v, r = divmod(v, 32)
        s = CROCK[r] + s
    return s


def seed_tbd(d, recs):
    by = {r["id"]: "is-" + _ulid(r) for r in recs}
    blocks = {}
    for r in recs:
        for x in r["deps"]:
            blocks.setdefault(x, []).append(by[r["id"]])
    base = os.path.join(d, ".git/tbd/data-sync-worktree/.tbd/data-sync")
    for r in recs:
        deps = "dependencies:\n" + "".join("  - type: blocks\n    target: %s\n" % t for t in blocks[r["id"]]) \
            if r["id"] in blocks else "dependencies: []\n"
        labels = "labels:\n" + "".join("  - %s\n" % x for x in r["labels"]) if r["labels"] else "labels: []\n"
        done = "closed_at: %sZ\nclose_reason: null\n" % r["closed_at"][:23] if r["status"] == "closed" else ""
        _w(os.path.join(base, "issues", by[r["id"]] + ".md"),
           "---\ntype: is\nid: %s\ntitle: %s\nkind: task\nstatus: %s\npriority: %d\nversion: 1\n"
           "%s%screated_at: %sZ\nupdated_at: %sZ\n%s---\n%s\n" % (
               by[r["id"]], r["title"], r["status"], r["priority"], labels, deps,
               r["created_at"][:23], r["updated_at"][:23], done, r["description"]))
    with open(os.path.join(base, "mappings/ids.yml"), "w") as f:
        for s, u in sorted((_short(r), by[r["id"]][3:]) for r in recs):
            # a short id made of digits only is quoted, as the tool itself does
            f.write('%s: %s\n' % ('"%s"' % s if _yaml_number(s) else s, u))
    return {r["n"]: "bench-" + _short(r) for r in recs}


def _yaml_number(s):
    try:
        float(s.replace("_", ""))
        return True
    except ValueError:
        return s.lower() in ("null", "true", "false", "yes", "no", "on", "off") or s.isdigit()


def seed_sd(d, recs):
    by = {r["id"]: "sd-" + _short(r) for r in recs}
    blocks = {}
    for r in recs:
        for x in r["deps"]:
            blocks.setdefault(x, []).append(by[r["id"]])
    out = []
    for r in recs:
        o = {"id": by[r["id"]], "title": r["title"], "status": r["status"], "type": "task",
             "priority": r["priority"], "createdAt": r["created_at"][:23] + "Z",
             "updatedAt": r["updated_at"][:23] + "Z", "description": r["description"]}
        if r["deps"]:
            o["blockedBy"] = [by[x] for x in r["deps"]]
        if r["id"] in blocks:
            o["blocks"] = blocks[r["id"]]
        if r["status"] == "closed":
            o["closedAt"] = r["closed_at"][:23] + "Z"
        if r["labels"]:
            o["labels"] = r["labels"]
        out.append(json.dumps(o, separators=(",", ":")) + "\n")
    _w(os.path.join(d, ".seeds/issues.jsonl"), "".join(out))
    return {r["n"]: by[r["id"]] for r in recs}


def seed_dcat(d, recs):
    out = []
    for r in recs:
        c, u = r["created_at"][:26] + "+00:00", r["updated_at"][:26] + "+00:00"
        closed = r["status"] == "closed"
        out.append({"record_type": "issue", "dcat_version": "0.14.4", "namespace": "bn", "id": _short(r),
                    "title": r["title"], "description": r["description"], "status": r["status"],
                    "priority": r["priority"], "issue_type": "task", "owner": "bench@example.org",
                    "parent": None, "labels": r["labels"], "external_ref": None, "design": None,
                    "acceptance": None, "notes": None, "closed_reason": None, "created_at": c,
                    "created_by": "bench@example.org", "updated_at": u, "updated_by": None,
                    "closed_at": u if closed else None, "closed_by": "bench@example.org" if closed else None,
                    "deleted_at": None, "deleted_by": None, "deleted_reason": None, "original_type": None,
                    "comments": [], "duplicate_of": None, "snoozed_until": None, "metadata": {}})
        for x in r["deps"]:
            out.append({"record_type": "dependency", "dcat_version": "0.14.4", "issue_id": r["id"],
                        "depends_on_id": x, "type": "blocks", "created_at": c, "created_by": None})
    _w(os.path.join(d, ".dogcats/issues.jsonl"),
       "".join(json.dumps(o, separators=(",", ":")) + "\n" for o in out))
    return {r["n"]: r["id"] for r in recs}


def seed_mb(d, recs):
    by = {r["id"]: "mb-" + hashlib.sha1(r["id"].encode()).hexdigest()[:8] for r in recs}
    base = os.path.join(d, ".git/microbeads-worktree/.microbeads/issues")
    for r in recs:
        closed = r["status"] == "closed"
        _w(os.path.join(base, "closed" if closed else "active", by[r["id"]] + ".json"), json.dumps(
            {"acceptance_criteria": "", "closed_at": r["closed_at"][:19] + "Z" if closed else None,
             "closed_reason": None, "created_at": r["created_at"][:19] + "Z",
             "dependencies": [by[x] for x in r["deps"]], "description": r["description"],
             "design": "", "id": by[r["id"]], "labels": r["labels"], "notes": "",
             "priority": r["priority"], "status": r["status"], "title": r["title"],
             "type": "task", "updated_at": r["updated_at"][:19] + "Z"}, indent=2) + "\n")
    return {r["n"]: by[r["id"]] for r in recs}


def seed_filigree(d, recs):
    by = {r["id"]: "bn-" + hashlib.sha1(r["id"].encode()).hexdigest()[:10] for r in recs}
    out = []
    for r in recs:
        c, u = r["created_at"][:26] + "+00:00", r["updated_at"][:26] + "+00:00"
        out.append({"id": by[r["id"]], "title": r["title"], "status": r["status"],
                    "priority": r["priority"], "type": "task", "parent_id": None, "assignee": "",
                    "claimed_at": None, "last_heartbeat_at": None, "claim_expires_at": None,
                    "created_at": c, "updated_at": u, "closed_at": u if r["status"] == "closed" else None,
                    "description": r["description"], "notes": "", "fields": "{}", "claim_commit": None,
                    "close_commit": None, "_type": "issue"})
    for r in recs:
        for x in r["deps"]:
            out.append({"issue_id": by[r["id"]], "depends_on_id": by[x], "type": "blocks",
                        "created_at": r["created_at"][:26] + "+00:00", "_type": "dependency"})
    _w(os.path.join(d, "import.jsonl"), "".join(json.dumps(o) + "\n" for o in out))
    return {r["n"]: by[r["id"]] for r in recs}


GIT = [["git", "add", "-A", "."], ["git", "commit", "-q", "-m", "bench"]]

NOTE = "printf '%s\\n' \"$0\" >note && exec git -c core.fsync=all commit -q --no-status -m change -- note"

TOOLS = {
    # No tracker: what one without an index cannot go below, and a durable commit of one file by git itself
    # (with a shell that writes the file: 1 ms).
    "floor": dict(
        bin=["floor"], kind="the floor: a scan of all lines; `git commit` of one file, fsynced",
        init=["mkdir", "-p", "tasks"], seed=seed_floor, floor=True,
        ready=["{bin}", "ready", "tasks/all.jsonl"],
        list=["{bin}", "list", "tasks/all.jsonl"],
        show=["{bin}", "show", "tasks/all.jsonl", "{id}"],
        create=["sh", "-c", NOTE, "{title}"],
        update=["sh", "-c", NOTE, "{title}"],
        close=["sh", "-c", NOTE, "{title}"],
        commit=[], store=["tasks"], git="tree", id_re=r"$"),

    # `add`, `update` and `close` are in a commit of the state branch when they return.
    "fleet": dict(
        bin=["fleet"], kind="Rust; JSONL on a branch of git",
        init=["{bin}", "init"],
        seed=seed_fleet, imp=["{bin}", "import", "--from", "beads", "{file}"],
        ready=["{bin}", "ready", "--json"],
        list=["{bin}", "list", "--all", "--json"],
        show=["{bin}", "show", "{id}", "--json"],
        create=["{bin}", "add", "{title}", "--body", "{desc}", "--priority", "2", "--json"],
        update=["{bin}", "update", "{id}", "--priority", "0", "--json"],
        close=["{bin}", "close", "{id}", "--json"],
        export=["{bin}", "export", "--to", "beads"],
        commit=[], store=[".git"], git="own", sync=[["{bin}", "sync"]],
        env={"NO_COLOR": "1"}, id_re=r'"id"\s*:\s*"(T-[^"]+)"'),

    "br": dict(
        bin=["br"], kind="Rust; SQLite + JSONL",
        init=["{bin}", "init", "--prefix", "bn"],
        seed=seed_br, imp=["{bin}", "sync", "--import-only", "--json"],
        ready=["{bin}", "ready", "--json", "--limit", "0"],
        list=["{bin}", "list", "--all", "--json", "--limit", "0"],
        show=["{bin}", "show", "{id}", "--json"],
        create=["{bin}", "create", "{title}", "-d", "{desc}", "-p", "2", "--json"],
        update=["{bin}", "update", "{id}", "--priority", "0", "--json"],
        close=["{bin}", "close", "{id}", "--json"],
        export=["{bin}", "sync", "--flush-only", "--force", "--json"],
        commit=[["{bin}", "sync", "--flush-only"]] + GIT,
        post_seed=[["{bin}", "sync", "--flush-only", "--force"]],     # its own spelling of each line
        post_merge=[["{bin}", "sync", "--import-only"]],
        store=[".beads"], git="tree",
        env={"NO_COLOR": "1"}, id_re=r'"id"\s*:\s*"([^"]+)"'),

    "beads-rs": dict(
        bin=["bd"], kind="Rust; daemon, CRDT JSONL on a git ref",
        init=["{bin}", "init"],
        seed=seed_bdrs, imp=["{bin}", "migrate", "from-go", "--input", "{file}", "--no-push", "--force"],
        ready=["{bin}", "ready", "--json", "--limit", "1000000"],
        list=["{bin}", "list", "--json", "--limit", "1000000"],
        show=["{bin}", "show", "{id}", "--json"],
        create=["{bin}", "create", "{title}", "-d", "{desc}", "-p", "2", "--json"],
        update=["{bin}", "update", "{id}", "-p", "0"],
        close=["{bin}", "close", "{id}"],
        export=["{bin}", "sync"], commit=[["{bin}", "sync"]],
        store=[".git"], git="own", sync=[["{bin}", "sync"]],
        bare_origin=True, env={"BD_NO_AUTO_UPGRADE": "1"},
        id_re=r'"id"\s*:\s*"([^"]+)"'),

    # beads' Go original.  The npm package downloads its binary at install time and the
    # Go modules are on no registry used here, so a binary must be given (--tool).
    # Measured: 0.9.2, the last version whose libraries Debian packages.
    "beads-go": dict(
        bin=["bd-go"], kind="Go; SQLite + JSONL",
        init=["{bin}", "init", "--prefix", "bn"],
        seed=seed_bdgo, imp=["{bin}", "import", "-i", "{file}"],
        ready=["{bin}", "ready", "--json", "-n", "1000000"],
        list=["{bin}", "list", "--json"],
        show=["{bin}", "show", "{id}", "--json"],
        create=["{bin}", "create", "{title}", "-d", "{desc}", "-p", "2", "--json"],
        update=["{bin}", "update", "{id}", "-p", "0", "--json"],
        close=["{bin}", "close", "{id}", "--json"],
        export=["{bin}", "export", "-o", "{file}"],
        commit=[["{bin}", "export", "-o", ".beads/issues.jsonl"]] + GIT,
        post_seed=[["{bin}", "export", "-o", ".beads/issues.jsonl"]],
        clone_setup=[["{bin}", "init", "--prefix", "bn"],
                     ["{bin}", "import", "-i", ".beads/issues.jsonl"]],
        post_merge=[["{bin}", "import", "-i", ".beads/issues.jsonl"]],
        store=[".beads"], git="tree", id_re=r'"id"\s*:\s*"([^"]+)"'),

    "taskwarrior": dict(
        bin=["task"], kind="C++; flat files, not in git",
        init=["mkdir", "-p", "d"],
        seed=seed_tw, imp=["{bin}", "import", "{file}"],
        ready=["{bin}", "+UNBLOCKED", "+PENDING", "export"],
        list=["{bin}", "export"],
        show=["{bin}", "{id}", "export"],
        create=["{bin}", "add", "{title}"],
        update=["{bin}", "{id}", "modify", "priority:H"],
        close=["{bin}", "{id}", "done"],
        export=["{bin}", "export"],
        commit=None, store=["d"], git=None,
        env={"TASKDATA": "d", "TASKRC": "{home}/taskrc"},
        home_files={"taskrc": "confirmation=no\nhooks=off\nverbose=new-uuid\njson.array=on\nbulk=0\n"
                              "recurrence=off\nnews.version=3.0.0\n"},
        id_re=r"Created task ([0-9a-f-]{36})"),

    "ticket": dict(
        bin=["tk"], kind="bash + awk; one Markdown file a task",
        init=["mkdir", "-p", ".tickets"],
        seed=seed_tk, imp=None,
        ready=["{bin}", "ready"], list=["{bin}", "ls"],
        show=["{bin}", "show", "{id}"],
        create=["{bin}", "create", "{title}", "-d", "{desc}", "-p", "2"],
        update=None,
        close=["{bin}", "close", "{id}"],
        export=["{bin}", "query"], commit=GIT,
        store=[".tickets"], git="tree", max_n=10000,
        id_re=r"^(\S+-\S+)$"),

    "backlog": dict(
        bin=["backlog"], kind="TypeScript (bun binary); one Markdown file a task",
        init=[["{bin}", "init", "bench", "--defaults", "--agent-instructions", "none"],
              ["{bin}", "config", "set", "remoteOperations", "false"],
              ["{bin}", "config", "set", "checkActiveBranches", "false"]],
        seed=seed_backlog, imp=None,
        ready=["{bin}", "task", "list", "--ready", "--json"],
        list=["{bin}", "task", "list", "--json"],
        show=["{bin}", "task", "view", "{id}", "--json"],
        create=["{bin}", "task", "create", "{title}", "-d", "{desc}", "--priority", "medium", "--plain"],
        update=["{bin}", "task", "edit", "{id}", "--priority", "high", "--plain"],
        close=["{bin}", "task", "edit", "{id}", "-s", "Done", "--plain"],
        export=None, commit=GIT,
        store=["backlog"], git="tree", max_n=10000,
        id_re=r"Task (TASK-\S+)"),

    "task-master": dict(
        bin=["task-master"], kind="Node; one tasks.json",
        init=["{bin}", "init", "-y", "--no-git", "--no-git-tasks", "--no-aliases", "--skip-install", "-n", "bench"],
        seed=seed_tm, imp=None,
        ready=["{bin}", "list", "--ready", "--json"],
        list=["{bin}", "list", "--json"],
        show=["{bin}", "show", "{id}", "--json"],
        create=["{bin}", "add-task", "--title={title}", "--description={desc}", "--priority=medium"],
        update=None,
        close=["{bin}", "set-status", "--id={id}", "--status=done"],
        export=None, commit=GIT,
        store=[".taskmaster/tasks"], git="tree",
        env={"TASKMASTER_SKIP_AUTO_UPDATE": "1", "NO_COLOR": "1", "DO_NOT_TRACK": "1"},
        id_re=r"ID: (\d+)", max_n=10000),

    "tbd": dict(
        bin=["tbd"], kind="Node; one Markdown file a task on a sync branch",
        init=[["{bin}", "init", "--prefix=bench"]],
        seed=seed_tbd, imp=None,
        post_seed=[["git", "-C", ".git/tbd/data-sync-worktree", "add", "-A"],
                   ["git", "-C", ".git/tbd/data-sync-worktree", "commit", "-q", "-m", "seed"]],
        ready=["{bin}", "ready", "--json", "--limit", "1000000"],
        list=["{bin}", "list", "--all", "--json", "--limit", "1000000"],
        show=["{bin}", "show", "{id}", "--json"],
        create=["{bin}", "create", "{title}", "-d", "{desc}", "-p", "2", "--json"],
        update=["{bin}", "update", "{id}", "--priority", "0"],
        close=["{bin}", "close", "{id}"],
        export=None, commit=[["{bin}", "sync", "--issues"]],
        store=[".git/tbd/data-sync-worktree/.tbd"], git="own",
        sync=[["{bin}", "sync", "--issues"]], bare_origin=True,
        id_re=r'"id"\s*:\s*"([^"]+)"', max_n=10000),

    "seeds": dict(
        bin=["sd"], kind="TypeScript on bun; JSONL",
        init=["{bin}", "init"],
        seed=seed_sd, imp=None,
        ready=["{bin}", "ready", "--json", "--limit", "1000000"],
        list=["{bin}", "list", "--all", "--json", "--limit", "1000000"],
        show=["{bin}", "show", "{id}", "--json"],
        create=["{bin}", "create", "--title", "{title}", "--description", "{desc}", "--priority", "2", "--json"],
        update=["{bin}", "update", "{id}", "--priority", "0", "--json"],
        close=["{bin}", "close", "{id}", "--json"],
        export=None, commit=[["{bin}", "sync"]],
        store=[".seeds"], git="tree",
        id_re=r'"id"\s*:\s*"([^"]+)"'),

    "dogcat": dict(
        bin=["dcat"], kind="Python; append-only JSONL",
        init=[["{bin}", "init", "--namespace", "bn"], ["{bin}", "git", "setup"]],
        clone_setup=[["{bin}", "git", "setup"]],
        seed=seed_dcat, imp=None,
        ready=["{bin}", "ready", "--json"],
        list=["{bin}", "list", "--json"], list_closed=["{bin}", "list", "--closed", "--json"],
        show=["{bin}", "show", "{id}", "--json"],
        create=["{bin}", "create", "{title}", "-d", "{desc}", "-p", "2", "--json"],
        update=["{bin}", "update", "{id}", "-p", "0"],
        close=["{bin}", "close", "{id}"],
        export=["{bin}", "export"], commit=GIT,
        store=[".dogcats"], git="tree",
        id_re=r'"id":"([^"]+)"'),

    "microbeads": dict(
        bin=["mb"], kind="Python; one JSON file a task on an orphan branch",
        init=["{bin}", "init"],
        seed=seed_mb, imp=None,
        post_seed=[["git", "-C", ".git/microbeads-worktree", "add", "-A"],
                   ["git", "-C", ".git/microbeads-worktree", "commit", "-q", "-m", "seed"]],
        ready=["{bin}", "--json", "ready"], list=["{bin}", "--json", "list"],
        show=["{bin}", "--json", "show", "{id}"],
        create=["{bin}", "--json", "create", "{title}", "-d", "{desc}", "-p", "2"],
        update=["{bin}", "update", "{id}", "-p", "0"],
        close=["{bin}", "close", "{id}"],
        export=None, commit=[["{bin}", "sync"]],
        store=[".git/microbeads-worktree/.microbeads"],
        git="own", sync=[["{bin}", "sync"]], clone_setup=[["{bin}", "init"]], bare_origin=True,
        id_re=r'"id"\s*:\s*"([^"]+)"', max_n=10000),

    "filigree": dict(
        bin=["filigree"], kind="Python; SQLite, not in git",
        init=["{bin}", "init", "--prefix", "bn"],
        seed=seed_filigree, imp=["{bin}", "import", "{file}"],
        ready=["{bin}", "ready", "--json"],
        list=["{bin}", "list", "--json", "--limit", "1000000"],
        show=["{bin}", "show", "{id}", "--json"],
        create=["{bin}", "create", "{title}", "-d", "{desc}", "-p", "2", "--json"],
        update=["{bin}", "update", "{id}", "-p", "0"],
        close=["{bin}", "close", "{id}"],
        export=["{bin}", "export", "{file}"], commit=None,
        store=[".weft"], git=None,
        id_re=r'"issue_id"\s*:\s*"([^"]+)"'),

    # No dependencies and so no `ready`; seeded by its own create (no importer).
    "radicle": dict(
        bin=["rad"], kind="Rust; signed objects in git refs",
        init=[["{bin}", "auth", "--alias", "bench"],
              ["{bin}", "init", "--name", "bench", "--description", "bench", "--default-branch", "main",
               "--private", "--no-confirm", "--no-seed"]],
        seed=None, imp=None, ready=None,
        list=["{bin}", "issue", "list", "--all"],
        show=["{bin}", "issue", "show", "{id}"],
        create=["{bin}", "issue", "open", "--title", "{title}", "--description", "{desc}", "--no-announce"],
        update=["{bin}", "issue", "label", "{id}", "--add", "urgent", "--no-announce"],
        close=["{bin}", "issue", "state", "{id}", "--closed", "--no-announce"],
        export=None, commit=[], store=[], git=None, home_store=[".radicle/storage"],
        env={"RAD_PASSPHRASE": "", "RAD_HOME": "{home}/.radicle"},
        id_re=r"Issue\s+([0-9a-f]{40})", max_n=1000),
}
# The unreleased 0.2 of beads-rs: same commands, binary by --tool beads-rs-head=PATH only.
TOOLS["beads-rs-head"] = dict(TOOLS["beads-rs"], bin=[])
