"""The stories: what a person does with fleet, told with the real programs around it."""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from git_http import GitServer
from github import NAME, OWNER, GitHub
from model import Model, refuse, say, shell, silence, steps, write
from tools import Tools
from world import Failed, Skipped, World, contains, equal, free_port, lacks, matches, run_git

# How agents are confined: by what works on the machine (`auto`, `require`), by `landlock` though
# bubblewrap would work, or not at all (`off`).
SANDBOX = os.environ.get("FLEET_E2E_SANDBOX") or "auto"
TASK = "Greet in French"
BODY = "`hello.sh` greets in English only. With `fr` as its first argument it must say `Bonjour!`."
HELLO = '#!/bin/sh\nif [ "$1" = fr ]; then echo "Bonjour!"; else echo "Hello!"; fi\n'
CHECK = '#!/bin/sh\nset -e\n[ "$(sh hello.sh)" = "Hello!" ]\ncase "$(cat TODO)" in *x*) exit 1 ;; esac\n'
FILES = {
    "hello.sh": '#!/bin/sh\necho "Hello!"\n',
    "check.sh": CHECK,
    "TODO": "other languages\n",
    "docs/guide.md": "# Guide\n\nRun `sh hello.sh`.\n",
}


@dataclass
class Story:
    name: str
    needs: tuple[str, ...]
    tell: Callable


ALL: list[Story] = []


def story(*needs: str, name: str = ""):
    """Registers a story. `needs`: CLIs, and `github` for the emulation."""

    def register(tell: Callable) -> Callable:
        ALL.append(Story(name or tell.__name__, needs, tell))
        return tell

    return register


class Stage:
    """What all stories share: the program, the repository, the installed tools."""

    def __init__(self, program: Path, repository: Path, tools: Tools):
        self.program, self.repository, self.tools = program, repository, tools
        self.lock = threading.Lock()

    def prepare(self, told: Story) -> tuple[list[Path], list]:
        """Folders for PATH, and what the story is handed besides its world."""
        path: list[Path] = []
        extra: list = []
        for need in told.needs:
            if need == "github":
                extra.append(self.tools.github())
            elif need == "act":
                extra.append(self.tools.act())
            elif need == "schemas":
                extra.append(self.tools.schemas())
            elif need == "mcp-sdk":
                extra.append(self.tools.mcp())
            elif need == "models":
                extra.append(self.tools.models())
            elif need == "schema":
                extra.append(self.tools.schema())
            elif need == "repository":
                extra.append(self.repository)
            else:
                path.append(self.tools.cli(need))
        return path, extra

    def world(self, path: list[Path]) -> World:
        world = World(self.program, path)
        if SANDBOX == "landlock":
            world.without_bubblewrap()
        return world


class Site:
    """A repository behind a smart-HTTP remote that wants a token, and clones of it."""

    def __init__(self, world: World, github: Path | None = None):
        self.world = world
        # Long enough that no part of it turns up by chance.
        self.token = "canary" + os.urandom(12).hex()
        self.bare = world.root / "srv" / OWNER / f"{NAME}.git"
        self.bare.parent.mkdir(parents=True)
        run_git(world.root, "init", "-q", "--bare", "-b", "main", str(self.bare))
        self.github = None
        if github:
            self.github = world.keep(GitHub(github, world.root, self.bare, self.token))
        shown = self.github.mirror if self.github else lambda: None
        self.server = world.keep(GitServer(world.root / "srv", self.token, shown))
        self.url = f"{self.server.url}/{OWNER}/{NAME}.git"
        first = world.root / "first"
        put(first, FILES)
        run_git(first, "init", "-q", "-b", "main")
        run_git(first, "add", "-A")
        run_git(first, "commit", "-q", "-m", "A greeter")
        run_git(first, "push", "-q", str(self.bare), "main")
        shown()

    def header(self) -> str:
        basic = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        return f"AUTHORIZATION: basic {basic}"

    def clone(self, name: str, trusted: bool = True) -> Path:
        """A clone; a trusted one holds the token the way the checkout action leaves it."""
        there = self.world.root / name
        source = self.url if trusted else str(self.bare)
        with_token = ["-c", f"http.{self.server.url}/.extraheader={self.header()}"] if trusted else []
        self.world.run(["git", "clone", "-q", *with_token, source, there], self.world.root)
        if not trusted:
            run_git(there, "remote", "set-url", "origin", self.url)
        return there

    def env(self) -> dict[str, str]:
        return {"GITHUB_TOKEN": self.token}

    def start(self, clone: Path, config: str, sandbox: str = "") -> None:
        """`fleet init`, then the owner's configuration, committed and pushed."""
        self.world.fleet(clone, "init", **self.env())
        forge = '[forge]\nkind = "local"\n'
        if self.github:
            forge = (f'[forge]\nkind = "github"\nbase_url = "{self.github.url}"\n'
                     f'repo = "{OWNER}/{NAME}"\nlabels = ["fleet"]\n')
        verify = '[[verify]]\nargv = ["sh", "check.sh"]\ntimeout = "20s"\n'
        put(clone, {".orchestra/config.toml": f"{forge}\n{verify}\n{config}\n[sandbox]\nmode = \"{sandbox_mode()}\"\n{sandbox}"})
        self.world.fleet(clone, "config", "check", **self.env())
        git = lambda *args: self.world.run(["git", *args], clone)
        git("add", "-A")
        git("commit", "-q", "-m", "Work with fleet")
        git("push", "-q", "origin", "main")

    def oid(self, ref: str) -> str:
        return run_git(self.bare, "rev-parse", "--verify", ref).strip()

    def branches(self) -> list[str]:
        listed = run_git(self.bare, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads/agent")
        return listed.split()

    def records(self, branch: str = "fleet/state") -> list[dict]:
        return records(self.bare, branch)

    def lacks_the_token(self) -> None:
        """Nothing that was ever pushed holds the token."""
        secrets = (self.token, self.header().rpartition(" ")[2])
        objects = run_git(self.bare, "rev-list", "--objects", "--all").split("\n")
        for line in objects:
            oid = line.partition(" ")[0]
            if oid and run_git(self.bare, "cat-file", "-t", oid).strip() != "tree":
                lacks(f"object {line}", run_git(self.bare, "cat-file", "-p", oid), *secrets)


def sandbox_mode() -> str:
    return "require" if SANDBOX == "landlock" else SANDBOX


def confined(site: Site, clone: Path, finished: dict) -> None:
    """The agent ran behind the walls that this machine has, with the network on."""
    facts = dict(site.world.data(clone, "doctor", code=None, **site.env())["facts"])
    level = "none" if SANDBOX == "off" else facts["sandbox"].split(";")[0].split()[0]
    if SANDBOX == "landlock":
        equal("the sandbox of this machine", level, "landlock")
    equal("how the agent was confined", finished["sandbox"].split(",")[0], level)


class OpenCodeServer:
    """`opencode serve` as its owner would run it: a home of its own, a password, the scripted model."""

    def __init__(self, world: World, model_url: str):
        # Outside the world's folder: what is left in that is fleet's.
        self.home = Path(tempfile.mkdtemp(prefix="fleet-opencode-")).resolve()
        self.password = os.urandom(12).hex()
        self.url = f"http://127.0.0.1:{free_port()}"
        provider = {"npm": "@ai-sdk/openai-compatible",
                    "options": {"baseURL": f"{model_url}/v1", "apiKey": "dummy"},
                    "models": {"scripted-model": {"limit": {"context": 100000, "output": 8000}}}}
        config = {"provider": {"scripted": provider}, "model": "scripted/scripted-model",
                  "autoupdate": False, "share": "disabled"}
        env = {"PATH": world.path, "HOME": str(self.home), "TMPDIR": str(self.home), "LANG": "C.UTF-8",
               "OPENCODE_CONFIG_CONTENT": json.dumps(config), "OPENCODE_SERVER_PASSWORD": self.password,
               "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
        port = self.url.rpartition(":")[2]
        argv = ["opencode", "serve", "--hostname", "127.0.0.1", "--port", port]
        where = shutil.which("opencode", path=world.path)
        self.process = subprocess.Popen([where, *argv[1:]], cwd=self.home, env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        for line in self.process.stdout:
            if "listening" in line:
                break
        else:
            raise Failed("the OpenCode server did not start")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def put(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def records(repository: Path, branch: str) -> list[dict]:
    """Every record in the logs of a state branch, oldest first."""
    found = []
    for path in run_git(repository, "ls-tree", "-r", "--name-only", branch, ".orchestra/log").split():
        text = run_git(repository, "show", f"{branch}:{path}")
        found += [json.loads(line) for line in text.splitlines()]
    return sorted(found, key=lambda record: (record["ts"], record["id"]))


def of(found: list[dict], op: str) -> list[dict]:
    return [record for record in found if record["op"] == op]


def only(found: list[dict], op: str) -> dict:
    some = of(found, op)
    if len(some) != 1:
        raise Failed(f"{len(some)} records {op}, one was expected: {[r['op'] for r in found]}")
    return some[0]


def agent(cli: str, url: str, idle: str = "120s") -> str:
    """Configuration of a real CLI against the scripted model at `url`."""
    quote = json.dumps
    model, args, env = "claude-sonnet-4-5", [], {}
    if cli == "claude":
        env = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "dummy", "CLAUDE_CODE_MAX_RETRIES": "1"}
    elif cli == "codex":
        model, env = "gpt-5", {"SCRIPTED_KEY": "dummy"}
        provider = (f'{{name="scripted",base_url="{url}/v1",env_key="SCRIPTED_KEY",wire_api="responses",'
                    'request_max_retries=1,stream_max_retries=1}')
        args = ["-c", "model_provider=scripted", "-c", f"model_providers.scripted={provider}"]
    elif cli == "gemini":
        model, env = "gemini-2.5-flash", {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": url}
    elif cli == "aider":
        model, env = "openai/scripted-model", {"OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": "dummy"}
    elif cli == "opencode":
        model = "scripted/scripted-model"
        provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{url}/v1", "apiKey": "dummy"},
                    "models": {"scripted-model": {"limit": {"context": 100000, "output": 8000}}}}
        env = {"OPENCODE_CONFIG_CONTENT": json.dumps({"provider": {"scripted": provider}, "model": model})}
    lines = [f"[agents.{cli}]", 'kind = "cli"', f"cli = {quote(cli)}", f"model = {quote(model)}",
             f"args = {quote(args)}", f"idle_timeout = {quote(idle)}", 'total_timeout = "240s"', "",
             f"[agents.{cli}.set_env]", *(f"{name} = {quote(value)}" for name, value in env.items()),
             "", "[[routes]]", f'agents = ["{cli}"]', 'role = "writer"', ""]
    return "\n".join(lines)


def aider(world: World, url: str) -> str:
    """Configuration of Aider, with a price list of its own: it would ask a host for one."""
    prices = world.root / "prices.json"
    prices.write_text('{"none":{}}')
    seeded = f'[agents.aider.home_files]\n"{prices}" = ".aider/caches/model_prices_and_context_window.json"\n'
    return agent("aider", url).replace("\n[[routes]]", f"\n{seeded}\n[[routes]]")


def command(script: str) -> str:
    """Configuration of a shell script as the agent."""
    argv = json.dumps(["sh", "-c", script])
    return f'[agents.script]\nkind = "command"\nargv = {argv}\n\n[[routes]]\nagents = ["script"]\nrole = "writer"\n'


def greeted(site: Site, clone: Path, cli: str, told: Model, remote: bool = False) -> dict:
    """The task is done: branch, commit, records. Returns the record of the session's end. `remote`: it
    ran at a service, behind that service's walls."""
    equal("branches on the remote", site.branches(), ["agent/T-1"])
    equal("hello.sh on the branch", run_git(site.bare, "show", "agent/T-1:hello.sh"), HELLO)
    changed = run_git(site.bare, "diff", "--name-only", "main...agent/T-1").split()
    equal("changed files", changed, ["hello.sh"])
    message = run_git(site.bare, "show", "-s", "--format=%B", "agent/T-1")
    matches("the commit message", message, r"^Task: T-1$")
    matches("the commit message", message, rf"^Agent: {cli}\b")
    session = matches("the commit message", message, r"^Session: (\S+)$").group(1)
    found = site.records()
    finished = only(found, "session.finished")
    equal("outcome", finished["outcome"]["kind"], "succeeded")
    equal("session in the trailer", session, finished["session"])
    equal("recorded head", finished["head"], site.oid("agent/T-1"))
    usage = finished["usage"]
    # Two turns of the scripted model, or three where one is asked again.
    if usage["input"] < 2200 or usage["output"] < 140:
        raise Failed(f"tokens were not counted: {usage}")
    if not any(record.get("agent_session") for record in found):
        raise Failed("no record holds the agent's own session id")
    contains("what the agent was told", told.asked[0].text(), TASK, "Bonjour!")
    equal("checks", [check.get("exit") for check in finished["verify"]], [0])
    if not remote:
        confined(site, clone, finished)
    return finished


def nothing_is_left(world: World) -> None:
    equal("processes left behind", world.leftovers(), [])


def idle_tick(site: Site, clone: Path) -> None:
    """I8: a tick with nothing to do writes nothing."""
    refs = run_git(site.bare, "for-each-ref")
    pushes = site.server.pushes()
    site.world.fleet(clone, "tick", **site.env())
    equal("refs after another tick", run_git(site.bare, "for-each-ref"), refs)
    equal("pushes of another tick", site.server.pushes() - pushes, 0)


def greeting_model(world: World) -> Model:
    edit = f"cat > hello.sh <<'END'\n{HELLO}END"
    return world.keep(Model(steps(shell(edit), say("It greets in French now."))))


def pull_request(cli: str) -> Callable:
    def tell(world: World, github: Path) -> None:
        site = Site(world, github)
        model = greeting_model(world)
        clone = site.clone("clone")
        site.start(clone, agent(cli, model.url))
        world.fleet(clone, "add", TASK, "--body", BODY, "--path", "hello.sh", **site.env())
        world.fleet(clone, "tick", **site.env())
        finished = greeted(site, clone, cli, model)
        pulls = site.github.pulls()
        equal("pull requests", len(pulls), 1)
        pull = pulls[0]
        equal("head", (pull["head"]["ref"], pull["head"]["sha"]), ("agent/T-1", finished["head"]))
        equal("base", pull["base"]["ref"], "main")
        equal("draft", pull["draft"], True)
        equal("labels", [label["name"] for label in pull["labels"]], ["fleet"])
        contains("the title", pull["title"], "T-1", TASK)
        contains("the body", pull["body"], "Bonjour!", "It greets in French now.", "check.sh", cli, "Tokens", "Sandbox")
        review = only(site.records(), "review.opened")
        equal("recorded number", review["number"], pull["number"])
        idle_tick(site, clone)
        site.github.merge(pull["number"])
        world.fleet(clone, "tick", **site.env())
        closed = only(site.records(), "task.closed")
        equal("how the task ended", closed["outcome"], "done")
        idle_tick(site, clone)
        nothing_is_left(world)
        site.lacks_the_token()

    return tell


for _cli in ("claude", "codex", "gemini", "opencode"):
    story(_cli, "github", name=f"{_cli}_works_on_a_task_until_its_pull_request_is_merged")(pull_request(_cli))


def link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def at_home(world: World, cli: str) -> None:
    """Moves a CLI to where its own installer, or npm with a prefix in HOME, puts it."""
    found = Path(shutil.which(cli, path=world.path) or "")
    modules = found.parent.parent
    if cli == "claude":
        program = world.home / ".local/share/claude/versions/1"
        program.parent.mkdir(parents=True)
        link(str(found.resolve()), str(program))
        folder, target = world.home / ".local/bin", program
    else:
        prefix = world.home / ".npm-global"
        shutil.copytree(modules, prefix / "lib/node_modules", symlinks=True, copy_function=link)
        folder = prefix / "bin"
        target = Path("../lib/node_modules") / os.readlink(found).removeprefix("../")
    folder.mkdir(parents=True)
    (folder / cli).symlink_to(target)
    world.path = os.pathsep.join([str(folder), world.path])


def installed_in_home(cli: str) -> Callable:
    def tell(world: World) -> None:
        at_home(world, cli)
        private = world.home / ".ssh" / "id_ed25519"
        private.parent.mkdir()
        private.write_text("a key of the person who runs fleet\n")
        site = Site(world)
        edit = f"cat > hello.sh <<'END'\n{HELLO}END"
        look = f"cat {private}; echo read: $?; ls -a {world.home}"
        model = world.keep(Model(steps(shell(look), shell(edit), say("It greets in French now."))))
        clone = site.clone("clone")
        site.start(clone, agent(cli, model.url))
        world.fleet(clone, "add", TASK, "--body", BODY, "--path", "hello.sh", **site.env())
        world.fleet(clone, "tick", **site.env())
        greeted(site, clone, cli, model)
        seen = "\n".join(model.tool_answers())
        matches("what the agent saw", seen, r"read: \d")
        if SANDBOX != "off":
            lacks("what the agent saw", seen, "a key of the person", ".gitconfig")
        nothing_is_left(world)

    return tell


for _cli in ("claude", "codex", "opencode"):
    story(_cli, name=f"{_cli}_installed_in_home_runs_without_seeing_the_rest_of_it")(installed_in_home(_cli))


@story("aider")
def aider_works_on_a_task_and_leaves_nothing_of_its_own_behind(world: World) -> None:
    site = Site(world)
    edit = f"It greets in French now.\n\nhello.sh\n```\n{HELLO}```\n"
    model = world.keep(Model(lambda _: say(edit), without_tools=True))
    clone = site.clone("clone")
    site.start(clone, aider(world, model.url))
    world.fleet(clone, "add", TASK, "--body", BODY, "--path", "hello.sh", **site.env())
    world.fleet(clone, "tick", **site.env())
    nothing_is_left(world)
    equal("hello.sh on the branch", run_git(site.bare, "show", "agent/T-1:hello.sh"), HELLO)
    changed = run_git(site.bare, "diff", "--name-only", "main...agent/T-1").split()
    equal("changed files", changed, ["hello.sh"])
    finished = only(site.records(), "session.finished")
    equal("outcome", finished["outcome"]["kind"], "succeeded")
    if not finished["usage"]["input"] or not finished["usage"]["output"]:
        raise Failed(f"tokens were not counted: {finished['usage']}")
    confined(site, clone, finished)
    told = world.fleet(clone, "logs", "T-1", **site.env()).out
    contains("the journal", told, "It greets in French now.", "edit hello.sh", "sh check.sh", "finished")
    idle_tick(site, clone)


@story("aider")
def aider_with_a_refused_key_has_failed_though_it_exits_0(world: World) -> None:
    site = Site(world)
    model = world.keep(Model(lambda _: refuse(401), without_tools=True))
    clone = site.clone("clone")
    site.start(clone, aider(world, model.url))
    world.fleet(clone, "add", TASK, "--body", BODY, **site.env())
    world.fleet(clone, "tick", **site.env())
    finished = only(site.records(), "session.finished")
    equal("class", finished["outcome"].get("class"), "agent_error")
    contains("why", finished["summary"], "OPENAI_API_KEY")
    equal("branches on the remote", site.branches(), [])


def failing(world: World, script: Callable, idle: str = "120s") -> tuple[Site, Path, dict]:
    """A tick with Claude Code against a model that fails; nothing may be held or left after it."""
    site = Site(world)
    model = world.keep(Model(script))
    clone = site.clone("clone")
    site.start(clone, agent("claude", model.url, idle))
    world.fleet(clone, "add", TASK, "--body", BODY, **site.env())
    world.fleet(clone, "tick", **site.env())
    nothing_is_left(world)
    equal("branches on the remote", site.branches(), [])
    found = site.records()
    finished = only(found, "session.finished")
    equal("outcome", finished["outcome"]["kind"], "failed")
    equal("locks still held", len(of(found, "lock.acquired")), len(of(found, "lock.released")))
    asked = model.requests
    idle_tick(site, clone)
    equal("requests to the model by a tick that has to wait", model.requests - asked, 0)
    return site, clone, finished


@story("claude")
def a_rate_limit_pauses_the_agent_and_gives_the_task_back(world: World) -> None:
    site, clone, finished = failing(world, lambda _: refuse(429, retry_after="1"))
    equal("class", finished["outcome"]["class"], "rate_limited")
    pause = only(site.records(), "agent.paused")
    equal("paused agent and provider", (pause["agent"], pause["provider"]), ("claude", "anthropic"))


@story("claude")
def a_refused_key_is_the_agents_error_and_waits_before_the_next_attempt(world: World) -> None:
    site, clone, finished = failing(world, lambda _: refuse(401))
    equal("class", finished["outcome"]["class"], "agent_error")


@story("claude")
def a_model_that_falls_silent_ends_at_the_idle_timeout(world: World) -> None:
    site, clone, finished = failing(world, lambda _: silence(), idle="3s")
    equal("class", finished["outcome"]["class"], "timeout")


def running(world: World) -> tuple[Site, Path, Model, subprocess.Popen]:
    """A tick whose agent has asked a model that says nothing."""
    site = Site(world)
    model = world.keep(Model(lambda _: silence()))
    clone = site.clone("clone")
    site.start(clone, agent("claude", model.url))
    world.fleet(clone, "add", TASK, "--body", BODY, **site.env())
    tick = world.start([world.fleet_program, "tick"], clone, **site.env())
    until = time.monotonic() + 90
    while not model.asked:
        if tick.poll() is not None or time.monotonic() > until:
            world.finish(tick, time.monotonic())
            raise Failed("the agent never asked its model")
        time.sleep(0.05)
    edit = f"cat > hello.sh <<'END'\n{HELLO}END"
    model.script = steps(shell(edit), say("It greets in French now."))
    return site, clone, model, tick


@story("claude")
def a_tick_that_was_killed_is_taken_up_by_the_next_one(world: World) -> None:
    site, clone, model, tick = running(world)
    tick.kill()
    world.finish(tick, time.monotonic())
    world.fleet(clone, "tick", **site.env())
    nothing_is_left(world)
    found = site.records()
    contains("the proof", only(found, "session.released")["proof"], str(tick.pid))
    equal("claims", len(of(found, "session.claimed")), 2)
    greeted(site, clone, "claude", model)
    idle_tick(site, clone)


@story("claude")
def an_interrupted_tick_ends_soon_and_gives_the_task_back(world: World) -> None:
    site, clone, model, tick = running(world)
    began = time.monotonic()
    tick.send_signal(signal.SIGINT)
    done = world.finish(tick, began)
    if done.seconds > 15:
        raise Failed(f"it took {done.seconds:.1f} s to end")
    nothing_is_left(world)
    equal("how the session ended", only(site.records(), "session.finished")["outcome"].get("class"), "cancelled")
    world.fleet(clone, "tick", **site.env())
    equal("branches on the remote", site.branches(), ["agent/T-1"])
    nothing_is_left(world)


@story("claude")
def an_agent_finds_no_token_and_cannot_push(world: World) -> None:
    site = Site(world)
    look = ("env; cat ~/.gitconfig ~/.netrc ~/.git-credentials ~/.config/git/* .git/config; git config --list;"
            f" git remote -v; git push origin HEAD; git push {site.url} HEAD:refs/heads/stolen; echo pushed: $?")
    edit = f"cat > hello.sh <<'END'\n{HELLO}END"
    model = world.keep(Model(steps(shell(look), shell(edit), say("It greets in French now."))))
    clone = site.clone("clone")
    site.start(clone, agent("claude", model.url))
    world.fleet(clone, "add", TASK, "--body", BODY, **site.env())
    world.fleet(clone, "tick", **site.env())
    seen = model.tool_answers()[0]
    matches("what the agent saw", seen, r"^FLEET_TASK=T-1$")
    matches("what the agent saw", seen, r"^pushed: [1-9]")
    asked = "\n".join(ask.text() for ask in model.asked)
    lacks("what the agent said and saw", asked, site.token, site.header().rpartition(" ")[2], "AUTHORIZATION")
    greeted(site, clone, "claude", model)
    if ("git-receive-pack", 401) not in site.server.seen and ("refs", 401) not in site.server.seen:
        raise Failed(f"the agent's push was not refused: {site.server.seen}")
    site.lacks_the_token()


@story("claude", "github")
def three_phases_hand_over_by_files_and_the_one_that_runs_the_agent_has_no_credentials(
    world: World, github: Path
) -> None:
    site = Site(world, github)
    model = greeting_model(world)
    first = site.clone("claims")
    site.start(first, agent("claude", model.url))
    world.fleet(first, "add", TASK, "--body", BODY, **site.env())
    handed = str(world.root / "handed-over")
    phase = lambda name: ("tick", "--phase", name, "--handover", handed)
    world.fleet(first, *phase("claim"), **site.env())
    claimed = site.oid("fleet/state")
    equal("requests to the model before the run phase", model.requests, 0)
    runner = site.clone("runs", trusted=False)
    world.fleet(runner, *phase("run"))
    equal("state after the run phase", site.oid("fleet/state"), claimed)
    equal("branches after the run phase", site.branches(), [])
    nothing_is_left(world)
    last = site.clone("publishes")
    world.fleet(last, *phase("publish"), **site.env())
    greeted(site, last, "claude", model)
    equal("pull requests", [p["head"]["sha"] for p in site.github.pulls()], [site.oid("agent/T-1")])
    world.fleet(last, *phase("publish"), **site.env())
    equal("pull requests after publishing again", len(site.github.pulls()), 1)
    idle_tick(site, last)
    site.lacks_the_token()


@story("opencode", "github")
def a_session_at_an_opencode_server_outlives_ticks_one_of_which_is_killed(
    world: World, github: Path
) -> None:
    site = Site(world, github)
    model = greeting_model(world)
    server = world.keep(OpenCodeServer(world, model.url))
    clone = site.clone("clone")
    env = {**site.env(), "OPENCODE_SERVER_PASSWORD": server.password}
    lines = ["[agents.opencode]", 'kind = "session"', f'base_url = "{server.url}"',
             'key_env = "OPENCODE_SERVER_PASSWORD"', 'model = "scripted/scripted-model"', 'poll = "1ms"', 'sandbox = "auto"', "",
             "[[routes]]", 'agents = ["opencode"]', 'role = "writer"', ""]
    site.start(clone, "\n".join(lines))
    tried = world.data(clone, "agents", "test", "opencode", **env)
    contains("what the server says", tried["answer"], "OpenCode 1.", "knows scripted/scripted-model")
    world.fleet(clone, "add", TASK, "--body", BODY, "--path", "hello.sh", **env)
    # The tick that made the session dies while the server works on.
    tick = world.start([world.fleet_program, "tick"], clone, **env)
    until = time.monotonic() + 90
    while not model.asked:
        if time.monotonic() > until:
            tick.kill()
            world.finish(tick, time.monotonic())
            raise Failed("the server never asked its model")
        time.sleep(0.01)
    tick.kill()
    world.finish(tick, time.monotonic())
    while not site.branches():
        if time.monotonic() > until:
            raise Failed("no tick took the work over")
        world.fleet(clone, "tick", **env)
        time.sleep(0.2)
    finished = greeted(site, clone, "opencode", model, remote=True)
    equal("sandbox", finished["sandbox"], "remote")
    found = site.records()
    for op in ("session.claimed", "session.remote_intended", "session.remote_bound"):
        only(found, op)
    pulls = site.github.pulls()
    equal("pull requests", [p["head"]["sha"] for p in pulls], [finished["head"]])
    contains("the body", pulls[0]["body"], "It greets in French now.", "remote")
    said = world.fleet(clone, "logs", "T-1", **env).out
    contains("the journal", said, "It greets in French now.", "cat > hello.sh")
    shown = world.fleet(clone, "show", "T-1", **env).out
    contains("what is shown", shown, "at opencode: ses_", "succeeded since")
    site.world.fleet(clone, "tick", **env)
    equal("claims after another tick", len(of(site.records(), "session.claimed")), 1)
    nothing_is_left(world)
    site.lacks_the_token()


@story("claude", "repository")
def the_backlog_of_this_repository_is_worked_on(world: World, repository: Path) -> None:
    if not (repository / ".orchestra" / "config.toml").is_file():
        raise Skipped("this checkout has no .orchestra/config.toml")
    bare, clone = world.root / "this.git", world.root / "this"
    run_git(world.root, "clone", "-q", "--bare", f"file://{repository}", str(bare))
    head = run_git(repository, "rev-parse", "HEAD").strip()
    run_git(bare, "update-ref", "refs/heads/main", head)
    run_git(bare, "symbolic-ref", "HEAD", "refs/heads/main")
    run_git(world.root, "clone", "-q", "-b", "main", str(bare), str(clone))
    note = "docs/e2e-note.md"
    edit = f"mkdir -p docs && printf 'Seen by an agent.\\n' > {note}"
    model = world.keep(Model(steps(shell(edit), say("A note for the reader."))))
    # Its own checks take minutes and are this test's caller; everything else is as its owner wants it.
    put(clone, {".orchestra/config.toml": '[state]\nbranch = "main"\n\n[[verify]]\nargv = ["git", "status"]\n'
                f'timeout = "20s"\n\n{agent("claude", model.url)}'})
    world.run(["git", "commit", "-q", "-a", "-m", "The model of the test"], clone)
    world.run(["git", "push", "-q", "origin", "main"], clone)
    before = len(records(bare, "main"))
    ready = world.data(clone, "ready")
    tasks = ready.get("tasks") or ready.get("items") or []
    if not tasks:
        raise Failed(f"nothing in this repository's backlog is ready: {ready}")
    name = tasks[0]["id"]
    world.fleet(clone, "tick", "--only", name)
    equal("the note", run_git(bare, "show", f"agent/{name}:{note}"), "Seen by an agent.\n")
    found = records(bare, "main")
    if len(found) <= before:
        raise Failed("no record was written in-tree")
    equal("outcome", of(found, "session.finished")[-1]["outcome"]["kind"], "succeeded")
    equal("heads under refs/heads/fleet", run_git(bare, "for-each-ref", "refs/heads/fleet"), "")
    equal("the clone's own files", world.run(["git", "status", "--porcelain"], clone).out, "")
    contains("what the agent was told", model.asked[0].text(), tasks[0]["title"])


@story()
def two_ticks_on_two_clones_run_every_task_once(world: World) -> None:
    site = Site(world)
    # The one folder outside that its agent may write.
    log = world.root / "logs" / "runs.log"
    log.parent.mkdir()
    one = site.clone("one")
    site.start(one, '[tick]\nmax_parallel = 2\n\n'
               + command(f'echo "$FLEET_TASK" >> {log}; mkdir -p done; echo done > "done/$FLEET_TASK"'),
               sandbox=f'write = ["{log.parent}"]\n')
    names = [f"T-{n}" for n in range(1, 5)]
    for name in names:
        world.fleet(one, "add", f"Do part {name}", "--path", f"done/{name}", **site.env())
    two = site.clone("two")
    began = time.monotonic()
    argv = [world.fleet_program, "tick"]
    both = [world.start(argv, clone, **site.env()) for clone in (one, two)]
    codes = [world.finish(process, began).code for process in both]
    equal("exit codes", codes, [0, 0])
    world.fleet(one, "tick", **site.env())
    equal("runs", sorted(log.read_text().split()), names)
    found = site.records()
    equal("claims", len(of(found, "session.claimed")), 4)
    equal("ends", [r["outcome"]["kind"] for r in of(found, "session.finished")], ["succeeded"] * 4)
    equal("branches", site.branches(), [f"agent/{name}" for name in names])
    idle_tick(site, two)
    nothing_is_left(world)


@story()
def work_that_holds_the_token_is_not_published(world: World) -> None:
    site = Site(world)
    clone = site.clone("clone")
    site.start(clone, command(f"printf %s {site.token} > notes.txt"))
    world.fleet(clone, "add", "Leak", **site.env())
    world.fleet(clone, "tick", code=None, **site.env())
    equal("branches", site.branches(), [])
    finished = only(site.records(), "session.finished")
    equal("outcome", finished["outcome"].get("class"), "policy_refused")


@story("github", "repository")
def the_github_forge_agrees_with_a_foreign_github(world: World, github: Path, repository: Path) -> None:
    # The developer's own environment: this is cargo's work, in their build directory.
    env = dict(os.environ, FLEET_TEST_EMULATE=str(github))
    argv = ["cargo", "test", "--locked", "--test", "forge_emulate"]
    done = subprocess.run(argv, cwd=repository, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    world.note(done.stdout + done.stderr)
    equal("exit code of " + " ".join(argv), done.returncode, 0)
    contains("its output", done.stdout, "1 passed")


@story("schema", "repository")
def the_questions_in_graphql_are_valid_by_githubs_own_schema(world: World, schema: Path, repository: Path) -> None:
    # The developer's own environment: this is cargo's work, in their build directory.
    env = dict(os.environ, FLEET_TEST_GRAPHQL=str(schema))
    argv = ["cargo", "test", "--locked", "--test", "forge_github", "schema", "--", "--nocapture"]
    done = subprocess.run(argv, cwd=repository, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    world.note(done.stdout + done.stderr)
    equal("exit code of " + " ".join(argv), done.returncode, 0)
    contains("its output", done.stdout, "judged")


@story("models", "repository")
def the_providers_agree_with_foreign_model_apis(world: World, models: Path, repository: Path) -> None:
    # The developer's own environment: this is cargo's work, in their build directory.
    env = dict(os.environ, FLEET_TEST_AIMOCK=str(models))
    argv = ["cargo", "test", "--locked", "--test", "providers_aimock"]
    done = subprocess.run(argv, cwd=repository, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    world.note(done.stdout + done.stderr)
    equal("exit code of " + " ".join(argv), done.returncode, 0)
    contains("its output", done.stdout, "1 passed")
