"""A real cluster as a person at a terminal has it: kubectl, helm, images, namespaces.

`find()` takes the cluster that TASKJOB_KUBECONFIG or KUBECONFIG names, whatever it is, else the kind cluster of
`make cluster-up`, which it makes if need be.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SET_UP = Path(__file__).parents[2] / "hack/kind"
MISSING = 3  # the exit status of the set-up where something is missing that it cannot install

# Only pods under the strictest profile start there.
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


class NoCluster(Exception):  # noqa: N818 - reads as what it says
    """None is given and none can be made here; the message says what is missing."""


class CommandFailed(Exception):  # noqa: N818
    """kubectl, helm or another program ended with an error; the message holds all that it said."""


@dataclass(frozen=True)
class Cluster:
    environment: dict[str, str]
    """What a program needs to reach it: KUBECONFIG, PATH and, where it is ours, DOCKER_HOST."""
    ours: bool
    """Made by `make cluster-up`: images can be built and loaded, and a node be stopped with `docker`."""

    @property
    def kubeconfig(self) -> Path:
        return Path(self.environment["KUBECONFIG"])

    def kubectl(self, *args: str, text: str | None = None, seconds: float = 60) -> str:
        return command(("kubectl", *args), self.environment, text=text, seconds=seconds)

    def helm(self, *args: str, seconds: float = 180) -> str:
        return command(("helm", *args), self.environment, seconds=seconds)

    def docker(self, *args: str, seconds: float = 120) -> str:
        """Of the engine that the nodes run on; nodes are named NAME-control-plane, NAME-worker, NAME-worker2."""
        return command(("docker", *args), self.environment, seconds=seconds)

    def get(self, *args: str) -> dict[str, Any]:
        """`kubectl get ARGS` as an object: one resource, or a list under `items`."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *args, "--output=json"))
        return found

    def apply(self, *documents: dict[str, Any], namespace: str = "default") -> None:
        """Server-side, with strict validation: an unknown field is an error."""
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})
        flags = ("--server-side", "--validate=strict", "--filename=-", f"--namespace={namespace}")
        self.kubectl("apply", *flags, text=items)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A program that goes on, such as a watch or a port-forward; whoever starts it ends it."""
        out = subprocess.PIPE
        return subprocess.Popen(
            words, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, text=True
        )

    @contextmanager
    def namespace(self, **labels: str) -> Iterator[str]:
        """A restricted namespace with a name of its own. It is being deleted afterwards; nobody waits for that."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        metadata = {"name": name, "labels": {**RESTRICTED, **labels}}
        self.kubectl("create", "-f-", text=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
        try:
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false")

    def load(self, *images: str) -> None:
        """Copy images of the engine into every node. A cluster that was given must be able to pull them instead."""
        if self.ours:
            set_up("load", *images, environment=self.environment, seconds=600)

    def build_images(self) -> tuple[str, str]:
        """The names of the project's image and of the one with the examples' tasks, for a pod spec. Where a cluster
        was given, TASKJOB_IMAGE and TASKJOB_EXAMPLES_IMAGE name images that it can pull."""
        if self.ours:
            set_up("image", environment=self.environment, seconds=1200)
            self.load()
        name = os.environ.get("TASKJOB_IMAGE", "taskjob:dev")
        return name, os.environ.get("TASKJOB_EXAMPLES_IMAGE", "taskjob-examples:dev")


def find() -> Cluster:
    """Raises NoCluster where there is none and none can be made; CommandFailed where making it went wrong."""
    environment = dict(os.environ)
    if given := os.environ.get("TASKJOB_KUBECONFIG") or os.environ.get("KUBECONFIG"):
        ours = given == set_up("kubeconfig", environment=environment, seconds=30).strip()
        has_tools = all(map(shutil.which, ("kubectl", "helm")))
        reached = environment if has_tools and not ours else {**environment, **exported(environment)}
        reached["KUBECONFIG"] = given
        command(("kubectl", "version", "--request-timeout=10s"), reached, seconds=30)
        return Cluster(reached, ours)
    set_up("up", environment=environment, seconds=1800)
    return Cluster({**environment, **exported(environment)}, ours=True)


def exported(environment: dict[str, str]) -> dict[str, str]:
    """The lines of `make cluster-env`: `export NAME=VALUE`, where a value may end in `:$PATH`."""
    lines = set_up("env", environment=environment, seconds=1800).splitlines()
    pairs = (shlex.split(line)[1].split("=", 1) for line in lines)
    return {name: value.replace("$PATH", environment.get("PATH", "")) for name, value in pairs}


def set_up(*words: str, environment: dict[str, str], seconds: float) -> str:
    """A verb of hack/kind."""
    return command((sys.executable, str(SET_UP), *words), environment, seconds=seconds)


def command(words: Sequence[str], environment: dict[str, str], *, text: str | None = None, seconds: float) -> str:
    """What the program wrote. Raises CommandFailed when it fails or takes longer."""
    said: dict[str, Any] = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
    try:
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=seconds, check=False, **said
        )
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"{shlex.join(words)} took longer than {seconds} s") from late
    if done.returncode == MISSING and str(SET_UP) in words:
        raise NoCluster(done.stderr.strip())
    if done.returncode:
        raise CommandFailed(f"exit {done.returncode}: {shlex.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout
