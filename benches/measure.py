"""Whole processes, timed from just before the spawn to the reaping, and what is made of the times."""

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import threading
import time

SHM = "/dev/shm" if os.path.isdir("/dev/shm") else "/tmp"


class Failed(Exception):
    """A measured command did not do what it should."""


class Ms(float):
    """Milliseconds of a whole process, and of its processor time (user + system, children too)."""

    cpu = None


class Lab:
    """A private environment: own HOME, own git configuration, nothing inherited but PATH."""

    def __init__(self, work, fleet):
        self.work = work
        self.fleet = fleet
        self.out = os.path.join(SHM, "fleet-figures.%d.out" % os.getpid())
        self.err = os.path.join(SHM, "fleet-figures.%d.err" % os.getpid())
        home = os.path.join(work, "home")
        os.makedirs(home, exist_ok=True)
        with open(os.path.join(home, ".gitconfig"), "w") as f:
            f.write(
                "[user]\n\tname = bench\n\temail = bench@example.org\n"
                "[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n"
                "[maintenance]\n\tauto = false\n[advice]\n\tdetachedHead = false\n"
            )
        self.env = {
            "HOME": home,
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        }

    # ---- running

    def spawn(self, argv, cwd, env=None, watch=False, limit=900):
        """One process to its end: (seconds, exit status, peak KiB of it and what it waited for,
        peak KiB of itself alone if watched)."""
        env = env or self.env
        path = argv[0] if "/" in argv[0] else shutil.which(argv[0], path=env["PATH"])
        if path is None:
            raise Failed("no program %s" % argv[0])
        os.chdir(cwd)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, self.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, self.err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        ]
        own = [0]
        done = threading.Event()
        started = time.perf_counter()
        pid = os.posix_spawn(path, argv, env, file_actions=actions, setpgroup=0)
        timer = threading.Timer(limit, lambda: os.killpg(pid, signal.SIGKILL))
        timer.daemon = True
        timer.start()
        if watch:
            threading.Thread(target=peak, args=(pid, own, done), daemon=True).start()
        _, status, usage = os.wait4(pid, 0)
        wall = time.perf_counter() - started
        done.set()
        timer.cancel()
        self.cpu = (usage.ru_utime + usage.ru_stime) * 1000
        return wall, os.waitstatus_to_exitcode(status), usage.ru_maxrss, own[0]

    def timed(self, argv, cwd, env=None, ok=(0,)):
        """Milliseconds of one process that must succeed."""
        wall, code, _, _ = self.spawn(argv, cwd, env)
        if code not in ok:
            raise Failed("%s: exit %s: %s" % (" ".join(argv)[:120], code, read(self.err)[-400:]))
        ms = Ms(wall * 1000)
        ms.cpu = self.cpu
        return ms

    def sh(self, *argv, cwd=None, stdin=None):
        """Runs a command that is not measured; its standard output."""
        p = subprocess.run(argv, cwd=cwd or self.work, env=self.env, input=stdin, capture_output=True)
        if p.returncode:
            said = (p.stderr or p.stdout)[-400:].decode(errors="replace")
            raise Failed("%s: exit %s: %s" % (" ".join(argv)[:120], p.returncode, said))
        return p.stdout

    def memory(self, argv, cwd):
        """Peak MB of a process, as GNU time sees it: what a process that was spawned from here tells of
        itself is at least what this interpreter takes. None where that program is missing."""
        if not os.path.exists("/usr/bin/time"):
            return None
        self.spawn(["/usr/bin/time", "-f", "%M", "-o", self.err + ".peak"] + argv, cwd)
        return int(read(self.err + ".peak").split()[-1]) / 1024

    def git(self, cwd, *args, stdin=None):
        return self.sh("git", *args, cwd=cwd, stdin=stdin).decode().strip()

    def json(self, cwd, *args):
        """Data of a fleet command with --json."""
        answer = json.loads(self.sh(self.fleet, *args, "--json", cwd=cwd))
        return answer["data"]

    def rounds(self, runs, jobs, warm=1):
        """Times jobs in turn (A B C, A B C, …) so that a drift of the machine hits all of them.
        `jobs`: name → function that returns milliseconds. Gives name → list."""
        times = {name: [] for name in jobs}
        for turn in range(runs + warm):
            for name, job in jobs.items():
                ms = job()
                if turn >= warm:
                    times[name].append(ms)
        return times

    def fresh_dir(self, name):
        path = os.path.join(self.work, name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    def drop(self, path):
        shutil.rmtree(path, ignore_errors=True)


def peak(pid, own, done):
    """Highest resident size of one process, by looking often."""
    while not done.is_set():
        m = re.search(r"VmHWM:\s+(\d+)", read("/proc/%d/status" % pid))
        if m:
            own[0] = max(own[0], int(m.group(1)))
        time.sleep(0.005)


def read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def med(times):
    return statistics.median(times)


def part(times, share):
    """The value below which `share` of the times lie."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Report:
    """Rows of the table, and the same as data."""

    def __init__(self):
        self.lines = []
        self.data = {}

    def head(self, text, columns):
        self.lines += ["", "### " + text, "", "| " + " | ".join(columns) + " |"]
        self.lines.append("|" + "---|" * len(columns))
        print("\n## " + text, flush=True)

    def row(self, *cells):
        line = "| " + " | ".join(str(c) for c in cells) + " |"
        self.lines.append(line)
        print(line, flush=True)

    def figure(self, key, what, times, target=None, floor=None, floor_name="", note=""):
        """One measured row: median, spread, ratio to a floor timed in the same rounds, target."""
        m = med(times)
        ratio = "%.1f × %s" % (m / med(floor), floor_name) if floor else ""
        goal = "" if target is None else "≤ %g: %s" % (target, "met" if m <= target else "**missed**")
        self.data[key] = {"median_ms": round(m, 3), "min_ms": round(min(times), 3),
                          "max_ms": round(max(times), 3), "runs": len(times)}
        cpu = [t.cpu for t in times if getattr(t, "cpu", None) is not None]
        if cpu:
            self.data[key]["cpu_median_ms"] = round(med(cpu), 3)
        self.row(what, "%.1f" % m, "%.1f–%.1f" % (min(times), part(times, 0.9)),
                 "%.1f" % med(cpu) if cpu else "", ratio, goal, note)

    def note(self, text):
        self.lines += ["", text]
        print(text, flush=True)


COLUMNS = ["what", "median ms", "min–p90", "CPU ms", "ratio to a floor of the same rounds", "target", "note"]
