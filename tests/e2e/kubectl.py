"""A stand-in for `kubectl` and a cluster, as far as `examples/kubernetes/tick` asks them: Jobs run as processes,
one for each index, in their own folder, with the environment that the manifest gives them and nothing else.

CLUSTER names a JSON file: `state` (folder), `volume` (where /handover is), `path`, `secrets` (name → keys), `replace`
(text of the manifests → what stands for it here).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

CLUSTER = json.loads(Path(os.environ["CLUSTER"]).read_text())
STATE = Path(CLUSTER["state"])


def environment(container: dict) -> dict[str, str]:
    env = {}
    for source in container.get("envFrom", []):
        env |= CLUSTER["secrets"][source["secretRef"]["name"]]
    for item in container.get("env", []):
        if "value" in item:
            env[item["name"]] = item["value"]
        else:
            ref = item["valueFrom"]["secretKeyRef"]
            env[item["name"]] = CLUSTER["secrets"][ref["name"]][ref["key"]]
    return env


def create(manifest: str) -> None:
    for text, here in CLUSTER["replace"].items():
        manifest = manifest.replace(text, here)
    job = yaml.safe_load(manifest)
    name, spec = job["metadata"]["name"], job["spec"]
    [container] = spec["template"]["spec"]["containers"]
    folder = STATE / name
    codes = []
    for index in range(spec.get("completions", 1)):
        home = folder / str(index)
        home.mkdir(parents=True)
        told = home / "told"
        env = environment(container) | {"PATH": CLUSTER["path"], "HOME": str(home), "TMPDIR": str(home),
                                        "HANDOVER": CLUSTER["volume"], "LANG": "C.UTF-8"}
        if "TOLD" in env:
            env["TOLD"] = str(told)
        if spec.get("completionMode") == "Indexed":
            env["JOB_COMPLETION_INDEX"] = str(index)
        done = subprocess.run([*container["command"], *container["args"]], env=env, cwd=home, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        print(f"{name}/{index}: exit {done.returncode}\n{done.stdout}{done.stderr}", file=sys.stderr)
        codes.append(done.returncode)
    (folder / "ended").write_text("Failed" if any(codes) else "Complete")


match sys.argv[1:]:
    case ["create", "-f", "-"]:
        create(sys.stdin.read())
    case ["-n", "fleet", "get", "job", name, "-o", _]:
        print((STATE / name / "ended").read_text())
    case ["-n", "fleet", "get", "pods", "-l", label, "-o", _]:
        print((STATE / label.removeprefix("job-name=") / "0" / "told").read_text(), end="")
    case other:
        sys.exit(f"the stand-in for kubectl knows nothing of {other}")
