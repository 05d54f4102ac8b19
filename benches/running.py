"""Section `running`: what fleet costs beside the agents that it runs: time of a run, memory of many at
once, and the wait until the first word of a model."""

import datetime
import glob
import json
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import ticks
import work
from measure import Failed, med, part, read

# Many agents that wait for a line, so that all of them run at the same time.
WAITING = """base_branch = "main"
[tick]
max_parallel = %(count)d
max_claims = 1000
[agents.waits]
kind = "command"
argv = ["/bin/sh", "%%s", "{task}"]
max_parallel = %(count)d
idle_timeout = "10m"
"""
# One agent that tells how long it took itself, in microseconds, from its first line to its last.
TIMED = """#!/bin/bash
began=$EPOCHREALTIME
for n in 1 2 3 4 5 6 7 8; do
  echo "{\\"event\\":\\"message\\",\\"text\\":\\"step $n\\"}"
done
echo done > "result-$1.txt"
printf '%%s %%s\\n' "${began/./}" "${EPOCHREALTIME/./}" >> "%s"
"""
API = """base_branch = "main"
[sandbox]
mode = "%(sandbox)s"
[providers.bench]
kind = "openai-compatible"
base_url = "%(url)s"
key_env = ["BENCH_KEY"]
[agents.api]
kind = "api"
provider = "bench"
model = "bench-1"
# %%s
"""


def walls(lab, name, sandbox, folder):
    """The sandbox of a repository whose agent is a script beside it and writes into one folder."""
    script = os.path.join(lab.work, name + "-agent.sh")
    return '[sandbox]\nmode = "%s"\nread = ["%s"]\nwrite = ["%s"]\n' % (sandbox, script, folder)


def own_time(lab, report, opt):
    """A run from its start to its end as they are recorded, without the agent's own time."""
    parts = {}
    for sandbox in ("off", "auto"):
        # Where a sandbox is, the stamps lie in a folder that the run may write.
        folder = lab.fresh_dir("stamps-" + sandbox)
        stamps = os.path.join(folder, "stamps")
        config = ticks.CONFIG.replace("/bin/sh", "/bin/bash").replace("max_parallel = 8", "max_parallel = 1")
        config += walls(lab, "own-" + sandbox, sandbox, folder)
        repo, bare = ticks.with_remote(lab, "own-" + sandbox, 1_000, config, TIMED % stamps)
        # The first one makes the workspace that the others take over.
        ids = work.add_plan(lab, repo, ticks.small_tasks(opt.runs + 1))
        for task in ids:
            lab.sh(lab.fleet, "tick", "--only", task, "--max", "1", cwd=repo)
        own = [(b - a) / 1000 for a, b in (map(int, line.split()) for line in read(stamps).splitlines())]
        runs = recorded(lab, bare)
        if not len(own) == len(runs) == len(ids):
            raise Failed("%d agents told their time, %d ends of %d are recorded" % (len(own), len(runs), len(ids)))
        parts[sandbox] = [(whole - mine, run - mine, mine) for (whole, run), mine in zip(runs, own)][1:]
    report.head("What fleet adds to the run of a `command` agent; 1,000 files, a tick for each",
                ["what", "median ms", "min–p90", "the agent's own time, ms"])
    for sandbox, rows in parts.items():
        where = "no sandbox" if sandbox == "off" else "the machine's sandbox"
        own = "%.1f" % med([r[2] for r in rows])
        for at, key, what in ((0, "started_to_finished", "`session.started` to `session.finished`: workspace, "
                               "run, import, commit"), (1, "run", "`duration_ms`: start of the program, reading "
                               "of its lines, end of its tree")):
            over = [r[at] for r in rows]
            report.row("%s; %s" % (what, where), "%.1f" % med(over), "%.1f–%.1f" % (min(over), part(over, 0.9)), own)
            report.data["%s_%s" % (key, sandbox)] = {"median_ms": round(med(over), 2), "runs": len(over)}


def recorded(lab, bare):
    """Of every session in the order of their starts: milliseconds from start to end, and of the run."""
    began, ends = {}, {}
    for path in lab.git(bare, "ls-tree", "-r", "--name-only", "fleet/state", ".orchestra/log").split():
        for line in lab.git(bare, "show", "fleet/state:" + path).splitlines():
            record = json.loads(line)
            if record["op"] == "session.started":
                began[record["session"]] = stamp(record["ts"])
            elif record["op"] == "session.finished":
                ends[record["session"]] = (stamp(record["ts"]), record["duration_ms"])
    return [((ends[s][0] - at) * 1000, ends[s][1]) for s, at in sorted(began.items(), key=lambda kv: kv[1])
            if s in ends]


def resident(pids):
    """Resident bytes of processes: (sum, of which shared between them counted once)."""
    sums = {"Rss": 0, "Pss": 0}
    for pid in pids:
        text = read("/proc/%d/smaps_rollup" % pid)
        for name in sums:
            m = re.search(r"^%s:\s+(\d+) kB" % name, text, re.M)
            sums[name] += int(m.group(1)) if m else 0
    return sums["Rss"] / 1024, sums["Pss"] / 1024


def below(root):
    """The processes below one, with the names of their programs."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            m = re.match(r"\d+ \((.*)\) \S (\d+)", read("/proc/%s/stat" % entry).replace("\n", " "))
            if m:
                children.setdefault(int(m.group(2)), []).append((int(entry), m.group(1)))
    found, open_ = {}, [root]
    while open_:
        for pid, name in children.get(open_.pop(), []):
            found[pid] = name
            open_.append(pid)
    return found


def many(lab, count, sandbox):
    """A tick with `count` agents that all wait: memory of fleet and its helpers, without the agents."""
    name = "waits-%s" % sandbox
    folder = lab.fresh_dir(name + "-marks")
    gate = os.path.join(folder, "gate")
    os.mkfifo(gate)
    # Each waits for the end of a pipe that nobody has opened yet.
    agent = ('echo "{\\"event\\":\\"message\\",\\"text\\":\\"here\\"}"\n: > "%s/$1"\nread line < "%s"\n'
             'echo done > "result-$1.txt"\n' % (folder, gate))
    config = WAITING % {"count": count} + walls(lab, name, sandbox, folder)
    repo, bare = ticks.with_remote(lab, name, 1_000, config, agent)
    work.add_plan(lab, repo, ticks.small_tasks(count))
    seen, over = {}, threading.Event()

    def watch():
        while not over.is_set() and len(os.listdir(folder)) <= count:
            time.sleep(0.05)
        # What their starts have left to do is done by then.
        time.sleep(1)
        fleets = [int(pid) for pid in os.listdir("/proc")
                  if pid.isdigit() and read("/proc/%s/cmdline" % pid).startswith(lab.fleet + "\0tick")]
        for fleet in fleets:
            family = below(fleet)
            agents = {pid for pid, program in family.items() if program in ("sh", "dash", "bash")}
            helpers = [pid for pid in family if pid not in agents]
            seen.update(fleet=resident([fleet]), helpers=resident(helpers), agents=len(agents),
                        names=sorted({family[pid] for pid in helpers}))
        while not over.is_set():
            try:
                os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                pass
            time.sleep(0.05)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    wall, code, _, peak = lab.spawn([lab.fleet, "tick"], repo, watch=True)
    over.set()
    watcher.join()
    branches = lab.git(bare, "for-each-ref", "--format=%(refname)", "refs/heads/agent").split()
    if code not in (0, 12) or len(branches) != count or seen.get("agents", 0) < count:
        raise Failed("exit %s, %d branches of %d, seen %s: %s" % (
            code, len(branches), count, seen, read(lab.err)[-400:]))
    return {"fleet_mb": seen["fleet"][0], "helpers_mb": seen["helpers"][1], "helpers": seen["names"],
            "agents": seen["agents"], "peak_mb": peak / 1024, "wall_s": wall}


def memory(lab, report, opt):
    """Memory of a tick with many running agents."""
    report.head("Memory of a tick with %d `command` agents that all run" % opt.running,
                ["what", "fleet, MB", "its helpers, MB", "both, of one agent, MB", "peak of fleet, MB", "target"])
    for sandbox in ("off", "auto"):
        one = many(lab, 1, sandbox)
        all_ = many(lab, opt.running, sandbox)
        both = all_["fleet_mb"] + all_["helpers_mb"]
        each = (both - one["fleet_mb"] - one["helpers_mb"]) / max(1, opt.running - 1)
        report.row("no sandbox" if sandbox == "off" else "the machine's sandbox", "%.0f" % all_["fleet_mb"],
                   "%.0f (%s)" % (all_["helpers_mb"], ", ".join(all_["helpers"]) or "none"), "%.2f" % each,
                   "%.0f" % all_["peak_mb"],
                   "< 200 together: %s; < 10 each: %s" % ("met" if both < 200 else "**missed**",
                                                         "met" if each < 10 else "**missed**"))
        report.data["running_" + sandbox] = {"fleet_mb": round(all_["fleet_mb"], 1), "each_mb": round(each, 2),
                                             "helpers_mb": round(all_["helpers_mb"], 1),
                                             "peak_mb": round(all_["peak_mb"], 1), "agents": all_["agents"]}


class Chat(BaseHTTPRequestHandler):
    """A model that says it is done, and when it was asked."""

    protocol_version = "HTTP/1.1"
    asked: list = []

    def do_POST(self):  # noqa: N802, the name is the library's
        self.rfile.read(int(self.headers.get("content-length", 0)))
        Chat.asked.append(time.time())
        call = {"index": 0, "id": "c1", "type": "function",
                "function": {"name": "done", "arguments": json.dumps({"summary": "nothing to do"})}}
        chunks = [{"delta": {"role": "assistant", "content": "Looking."}, "finish_reason": None},
                  {"delta": {"tool_calls": [call]}, "finish_reason": None},
                  {"delta": {}, "finish_reason": "tool_calls"}]
        usage = {"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920}
        lines = [{"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "bench-1",
                  "choices": [dict(c, index=0)]} for c in chunks]
        lines.append({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "bench-1",
                      "choices": [], "usage": usage})
        body = "".join("data: %s\n\n" % json.dumps(line) for line in lines) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def first_event(lab, report, opt):
    """The built-in agent against a model on loopback: until it is asked, and until its first word."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d/v1" % server.server_address[1]
    report.head("Until the first word: the built-in agent and a model on loopback that answers at once",
                ["what", "median ms", "min–p90", "target"])
    lab.env["BENCH_KEY"] = "sk-bench-0123456789abcdef"
    try:
        repo, _ = ticks.with_remote(lab, "first", 1_000, API % {"url": url, "sandbox": "auto"})
        trials = []
        for _ in range(opt.runs + 1):
            Chat.asked.clear()
            answer = json.loads(lab.sh(lab.fleet, "agents", "test", "api", "--json", cwd=repo))["data"]
            if not answer["working"] or not Chat.asked:
                raise Failed("the agent did not work: " + json.dumps(answer)[:400])
            trials.append(answer)
        report_times(report, "first_event", "`fleet agents test`: start of the run to its first event",
                     [t["first_event_ms"] for t in trials[1:]])
        report_times(report, "api_run", "`fleet agents test`: the whole run, one turn",
                     [t["duration_ms"] for t in trials[1:]])
        words = []
        for task in work.add_plan(lab, repo, ticks.small_tasks(opt.runs + 1)):
            Chat.asked.clear()
            # The agent changes nothing, so its attempt has failed; what is timed is its first word.
            lab.spawn([lab.fleet, "tick", "--only", task, "--max", "1"], repo)
            newest = max(glob.glob(os.path.join(repo, ".git", "fleet", "journals", "*.jsonl")), key=os.path.getmtime)
            first = {}
            for line in read(newest).splitlines():
                event = json.loads(line)
                first.setdefault(event["event"], stamp(event["at"]))
            words.append(first["message"] - first["session_started"])
        report_times(report, "first_word", "a tick: `session_started` to the model's first `message`",
                     [w * 1000 for w in words[1:]])
    finally:
        del lab.env["BENCH_KEY"]
        server.shutdown()


def stamp(text):
    """Seconds since 1970 of a time in a record or journal."""
    text = re.sub(r"(\.\d{6})\d*", r"\1", text)
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def report_times(report, key, what, times):
    report.row(what, "%.1f" % med(times), "%.1f–%.1f" % (min(times), part(times, 0.9)), "")
    report.data[key] = {"median_ms": round(med(times), 2), "runs": len(times)}


def counting(lab, report, opt):
    """`fleet stream` with the counting of tokens: text of which the source tells no tokens."""
    path = os.path.join(lab.work, "stream.jsonl")
    texts = [task["body"] for task in work.tasks(2_000)]
    with open(path, "w") as f:
        size = 0
        for n in range(200_000):
            line = json.dumps({"event": "message", "text": texts[n % len(texts)]}) + "\n"
            f.write(line)
            size += len(line)
            if size >= opt.stream_mib << 20:
                break
        f.write('{"event":"session_finished","ok":true,"summary":"done"}\n')
    rates, counted = {"plain": [], "counted": []}, 0
    for turn in range(max(3, opt.runs // 3) + 1):
        for name, more in (("plain", ()), ("counted", ("--count-tokens",))):
            argv = ["/bin/sh", "-c", 'exec "$0" stream --from jsonl "$@" < "$STREAM"', lab.fleet, *more]
            wall, code, _, _ = lab.spawn(argv, lab.work, dict(lab.env, STREAM=path))
            if code:
                raise Failed("fleet stream: exit %s: %s" % (code, read(lab.err)[-300:]))
            if turn:
                rates[name].append(size / wall / 1e6)
        counted = json.loads(read(lab.out).rstrip().rsplit("\n", 1)[-1])["tokens"]
    seconds = med([size / r / 1e6 for r in rates["counted"]])
    report.head("`fleet stream` of %.0f MB of messages, whole process" % (size / 1e6),
                ["what", "MB/s", "range", "note"])
    report.row("without counting", "%.0f" % med(rates["plain"]), "%.0f–%.0f" % (min(rates["plain"]), max(rates["plain"])), "")
    report.row("counting every token", "%.1f" % med(rates["counted"]),
               "%.1f–%.1f" % (min(rates["counted"]), max(rates["counted"])),
               "%.2f million tokens a second" % (counted / seconds / 1e6))
    report.data["stream"] = {"plain_mb_s": round(med(rates["plain"]), 1), "tokens": counted,
                             "counted_mb_s": round(med(rates["counted"]), 2),
                             "million_tokens_s": round(counted / seconds / 1e6, 3)}


def running(lab, report, opt):
    """Everything above."""
    own_time(lab, report, opt)
    memory(lab, report, opt)
    first_event(lab, report, opt)
    counting(lab, report, opt)
