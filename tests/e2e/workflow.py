"""The workflow that `fleet init --github` writes, run whole: by `act` without containers, against the GitHub
emulation and a git server that wants a token. What stands in for actions of github.com: actions/README.md."""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from github import NAME, OWNER
from stories import Site, equal, idle_tick, nothing_is_left, of, only, put, story
from world import Failed, World, contains, free_port, lacks, matches, run_git

ACTION = "someone/fleet"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PLATFORM = "ubuntu-24.04"
# What an agent that wants the token would try. A token of these stories matches TOKEN, and what git sends of it
# begins as BASIC does; neither pattern matches itself. The token of the artifact server is left out: GitHub's runner
# gives that to actions only, act to every step, and fleet refuses to publish it.
TOKEN = "canary[0-9a-f]{24}"
BASIC = "eC1hY2Nlc3MtdG9rZW4[6]"
LOOK = r"""
mkdir -p seen && exec >"seen/$FLEET_TASK.txt" 2>&1
echo "== environment"; env | sort
echo "== git"; git config --list --show-origin; git remote -v
echo "== files"; grep -rslE "%(token)s|%(basic)s" . "$HOME" %(roots)s | sort -u
echo "== environments of what started it"
pid=$PPID
while [ "$pid" -gt 1 ] 2>/dev/null; do
  name=$(cat "/proc/$pid/comm" 2>/dev/null) || break
  [ "$name" != act ] || break
  echo "- $name"; tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -v ^ACTIONS_RUNTIME_TOKEN= | sort
  pid=$(sed 's/.*) . //; s/ .*//' "/proc/$pid/stat" 2>/dev/null) || break
done
echo "== push"; git push origin HEAD:refs/heads/stolen; git push %(url)s HEAD:refs/heads/stolen; echo "pushed: $?"
"""


def agents(site: Site, roots: str) -> str:
    """Two that look for the token: one behind the walls of this machine, one in front of them."""
    script = LOOK % {"token": TOKEN, "basic": BASIC, "roots": roots, "url": site.url}
    lines = ["[tick]", "max_parallel = 4", ""]
    for name, more in (("walled", ""), ("open", 'sandbox = "off"')):
        lines += [f"[agents.{name}]", 'kind = "command"', f"argv = ['sh', '-c', '''{script}''']", more, ""]
    lines += ["[[routes]]", 'types = ["testing"]', 'agents = ["open"]', 'role = "tester"', "",
              "[[routes]]", 'agents = ["walled"]', 'role = "writer"', ""]
    return "\n".join(lines)


def release(world: World, site: Site) -> str:
    """Puts fleet's archive where the releases of its repository would be; its checksum."""
    program = world.root / "release" / "fleet"
    program.parent.mkdir()
    shutil.copy2(world.fleet_program, program)
    if shutil.which("strip"):
        subprocess.run(["strip", program], check=True)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as zipped:
        with tarfile.open(fileobj=zipped, mode="w|") as archive:
            archive.add(program, "fleet")
    machine = os.uname()
    target = {"Linux": f"{machine.machine}-unknown-linux-gnu"}[machine.sysname]
    site.server.files[f"/{ACTION}/releases/download/v0.1.0/fleet-{target}.tar.gz"] = packed.getvalue()
    return hashlib.sha256(packed.getvalue()).hexdigest()


def pins(workflow: str) -> dict[str, str]:
    """The actions of a workflow, each with the commit that it is pinned to."""
    return dict(re.findall(r"uses: (\S+)@([0-9a-f]{40})", workflow))


class Act:
    """One run of the workflow after another, as GitHub would do it for a repository."""

    def __init__(self, world: World, site: Site, clone: Path, act: Path, github: Path, repository: Path):
        self.world, self.site, self.clone, self.act = world, site, clone, act
        self.home = world.root / "act"
        self.home.mkdir()
        self.node = next((github / "node_modules").glob("node-*/bin"))
        stand = repository / "tests" / "e2e" / "actions"
        real = os.environ.get("FLEET_E2E_CHECKOUT")
        workflow = (clone / ".github/workflows/fleet.yml").read_text()
        self.local = []
        for name, commit in pins(workflow).items():
            if name == ACTION:
                there = world.root / "action"
                put(there, {"action.yml": (repository / "action.yml").read_text(),
                            ".ci/install": (repository / ".ci/install").read_text()})
            elif name == "actions/checkout" and real:
                there = Path(real)
            else:
                there = world.root / name.removeprefix("actions/")
                shutil.copytree(stand / there.name, there)
                shutil.copy2(stand / "artifacts.mjs", there)
            self.local += ["--local-repository", f"{name}@{commit}={there}"]

    def run(self, event: str = "workflow_dispatch", code: int | None = 0):
        # Not on a command line, which every process may read.
        secrets = self.world.root / "secrets"
        secrets.write_text(f"GITHUB_TOKEN={self.site.token}\n")
        env = {"GITHUB_SERVER_URL": self.site.server.url, "GITHUB_API_URL": self.site.github.url,
               "GITHUB_REPOSITORY": f"{OWNER}/{NAME}"}
        argv = [self.act, event, "-W", ".github/workflows/fleet.yml", "-P", f"{PLATFORM}=-self-hosted",
                "--no-skip-checkout", "--action-offline-mode", "--no-cache-server", *self.local,
                "--artifact-server-path", self.home / "artifacts", "--artifact-server-addr", "127.0.0.1",
                "--artifact-server-port", str(free_port()), "--secret-file", secrets]
        argv += [word for pair in env.items() for word in ("--env", "=".join(pair))]
        path = os.pathsep.join([str(self.node), self.world.path])
        done = self.world.run(argv, self.clone, code, HOME=str(self.home), PATH=path,
                              FLEET_WORKSPACES=str(self.home / "workspaces"))
        secrets.unlink()
        return done


@story("github", "act", "repository")
def the_shipped_workflow_opens_pull_requests_and_its_agents_find_no_token(
    world: World, github: Path, act: Path, repository: Path
) -> None:
    site = Site(world, github)
    clone = site.clone("clone")
    site.start(clone, agents(site, str(world.root / "act")))
    checksum = release(world, site)
    init = ("init", "--github", "--action", f"{ACTION}@{COMMIT}", "--release", "0.1.0", "--sha256", checksum)
    world.fleet(clone, *init, **site.env())
    for args in (("add", "-A"), ("commit", "-q", "-m", "Ticks in Actions"), ("push", "-q", "origin", "main")):
        world.run(["git", *args], clone)
    seen = world.data(clone, "doctor", "--github", code=None, **site.env())
    facts = dict(seen["facts"])
    equal("what doctor sees", (facts["github default branch"], facts["github token"]), ("main", "GITHUB_TOKEN may write"))
    # The emulation knows pull requests and branches; of workflows, rules and settings it has nothing.
    equal("what doctor finds wrong at the forge",
          [f["code"] for f in seen["findings"] if f["code"].startswith("forge") and f["severity"] == "error"], [])
    world.fleet(clone, "add", "Behind walls", "--path", "seen/T-1.txt", **site.env())
    world.fleet(clone, "add", "In the open", "-t", "testing", "--path", "seen/T-2.txt", **site.env())
    ci = Act(world, site, clone, act, github, repository)
    told = ci.run()
    nothing_is_left(world)
    equal("branches", site.branches(), ["agent/T-1", "agent/T-2"])
    pulls = site.github.pulls()
    equal("heads of the pull requests", sorted((p["head"]["ref"], p["head"]["sha"]) for p in pulls),
          [(name, site.oid(name)) for name in ("agent/T-1", "agent/T-2")])
    found = site.records()
    equal("ends", [r["outcome"]["kind"] for r in of(found, "session.finished")], ["succeeded"] * 2)
    basic = site.header().rpartition(" ")[2]
    for name in ("T-1", "T-2"):
        seen = run_git(site.bare, "show", f"agent/{name}:seen/{name}.txt")
        world.note(f"what the agent of {name} saw:\n{seen}")
        matches("what it saw", seen, rf"^FLEET_TASK={name}$")
        matches("what it saw", seen, r"^pushed: [1-9]")
        lacks("what it saw", seen, site.token, basic, "AUTHORIZATION", "extraheader", "GITHUB_TOKEN=", "git-credentials-")
        matches("files with the token", seen, r"== files\n== environments")
    equal("branches that an agent pushed", [b for b in run_git(site.bare, "branch").split() if "stolen" in b], [])
    # The agent without walls saw the processes of its job: the proof holds for the whole job.
    opened = run_git(site.bare, "show", "agent/T-2:seen/T-2.txt")
    contains("what the agent without walls saw", opened, "- fleet", "FLEET_TASK=T-2")
    lacks("the log of the run", told.out + told.err, site.token)
    site.lacks_the_token()
    idle_tick(site, clone)
    refs = run_git(site.bare, "for-each-ref")
    ci.run()
    equal("refs after a run with nothing to do", run_git(site.bare, "for-each-ref"), refs)
    equal("pull requests after it", len(site.github.pulls()), 2)


@story("repository")
def the_action_installs_only_what_has_the_checksum(world: World, repository: Path) -> None:
    temp, folder = world.root / "runner", world.root / "handed"
    temp.mkdir()
    folder.mkdir()
    program = folder / "fleet"
    shutil.copy2(world.fleet_program, program)
    program.chmod(0o644)
    checksum = hashlib.sha256(program.read_bytes()).hexdigest()
    path, output = world.root / "path", world.root / "output"
    env = {"RUNNER_TEMP": str(temp), "GITHUB_PATH": str(path), "GITHUB_OUTPUT": str(output),
           "FLEET_BINARY": str(program), "FLEET_SOURCE": str(repository)}
    install = ["bash", repository / ".ci" / "install"]
    for wrong in ("", "0" * 64, checksum[:-1]):
        refused = world.run(install, world.root, code=1, **env, FLEET_SHA256=wrong)
        contains("what it says", refused.out, "::error::", "sha256")
        equal("what was installed", list(temp.glob("fleet-bin/*")), [])
    world.run(install, world.root, **env, FLEET_SHA256=checksum.upper())
    installed = temp / "fleet-bin"
    equal("PATH", path.read_text(), f"{installed}\n")
    equal("outputs", output.read_text(), f"path={installed}/fleet\nsha256={checksum}\n")
    contains("the program", world.run([installed / "fleet", "version"], world.root).out, "fleet 0.1.0")


@story("github", "schemas", "repository")
def the_kubernetes_jobs_hand_over_as_the_workflow_does(world: World, github: Path, schemas: Path, repository: Path) -> None:
    manifests = world.root / "kubernetes"
    shutil.copytree(repository / "examples" / "kubernetes", manifests)
    # Placeholders that stand where a number must.
    checked = world.root / "checked"
    for path in sorted(manifests.glob("*.yaml")):
        put(checked, {path.name: path.read_text().replace("${CLAIMED}", "2").replace("${RUN}", "1")})
    said = world.run([schemas / "kubernetes-validate", "--strict", *sorted(checked.glob("*.yaml"))], world.root)
    lacks("what the schemas say", said.out + said.err, "ERROR")
    run = (manifests / "run.yaml").read_text()
    lacks("the manifest of the run Job", run, "fleet-git", "GITHUB_TOKEN", "serviceAccountName", "hostPath")
    contains("the manifest of the run Job", run, "automountServiceAccountToken: false")

    site = Site(world, github)
    clone = site.clone("clone")
    site.start(clone, agents(site, str(world.root / "volume")))
    world.fleet(clone, "add", "Behind walls", "--path", "seen/T-1.txt", **site.env())
    world.fleet(clone, "add", "In the open", "-t", "testing", "--path", "seen/T-2.txt", **site.env())
    programs = world.root / "programs"
    kubectl = f'#!/bin/sh\nexec "{schemas / "python"}" -B "{repository / "tests/e2e/kubectl.py"}" "$@"\n'
    put(programs, {"kubectl": kubectl})
    (programs / "kubectl").chmod(0o755)
    (programs / "fleet").symlink_to(world.fleet_program)
    (world.root / "volume").mkdir()
    path = os.pathsep.join([str(programs), world.path])
    cluster = {"state": str(world.root / "cluster"), "volume": str(world.root / "volume"), "path": path,
               "replace": {"https://git.example/team/project.git": site.url},
               "secrets": {"fleet-git": {"token": site.token}, "fleet-models": {"A_MODELS_KEY": "dummy"}}}
    put(world.root, {"cluster.json": json.dumps(cluster)})
    env = {"PATH": path, "CLUSTER": str(world.root / "cluster.json")}
    world.run([manifests / "tick"], world.root, **env)
    nothing_is_left(world)
    equal("heads of the pull requests", sorted((p["head"]["ref"], p["head"]["sha"]) for p in site.github.pulls()),
          [(name, site.oid(name)) for name in ("agent/T-1", "agent/T-2")])
    for name in ("T-1", "T-2"):
        seen = run_git(site.bare, "show", f"agent/{name}:seen/{name}.txt")
        world.note(f"what the agent of {name} saw:\n{seen}")
        matches("what it saw", seen, r"^pushed: [1-9]")
        lacks("what it saw", seen, site.token, site.header().rpartition(" ")[2], "GITHUB_TOKEN=")
        matches("files with the token", seen, r"== files\n== environments")
    equal("what is left of the hand-over", list((world.root / "volume").iterdir()), [])
    contains("a tick with nothing to do", world.run([manifests / "tick"], world.root, **env).out, "nothing was claimed")
    site.lacks_the_token()
