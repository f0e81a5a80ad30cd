"""The kind cluster: create it where it is missing or broken, delete it, say how to reach it."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import Any

import docker_engine
import node_image
import places
from commands import Failed, Missing, environment, run, say, succeeds
from locks import locked, machine
from tools import tools

LABEL = "label=io.x-k8s.kind.cluster"
CREATE_SECONDS = 300
READY_SECONDS = 240


def up() -> None:
    """A cluster that answers, with all nodes and its DNS ready. Quick when there is one already."""
    prepare()  # first, so that nobody waits for a cluster while this builds
    with locked(machine()):
        create()


def create() -> None:
    docker_engine.ensure()
    kind, kubectl = tools("kind", "kubectl").values()
    if docker_engine.containers(nodes()) and is_ready(str(kubectl)):
        say(f"The cluster {places.CLUSTER} is up.")
        return
    image = node_image.ensure()
    if docker_engine.containers(nodes()):
        say(f"The cluster {places.CLUSTER} does not answer: making it again")
        docker_engine.remove_containers(nodes())
    places.kubeconfig().parent.mkdir(parents=True, exist_ok=True)
    command = ["create", "cluster", "--name", places.CLUSTER, "--config", str(places.NODES), "--wait", "0s"]
    command += ["--kubeconfig", str(places.kubeconfig())] + (["--image", image] if image else [])
    run(kind, *command, env=without_proxy(), seconds=CREATE_SECONDS, show=True)
    wait_until_ready(str(kubectl))


def prepare() -> None:
    """All that takes long: tools, and the archive of a node image where none can be pulled. Starts nothing."""
    docker_engine.ensure_installed()
    tools("kind", "kubectl", "helm")
    node_image.prepare()


def down() -> None:
    """No cluster of this name; with the last one goes the engine, if this set-up started it. Repeatable; also after an
    `up` that was killed."""
    with locked(machine()):
        delete()


def delete() -> None:
    answers = docker_engine.use_ours() or succeeds("docker", "version", seconds=20)
    if answers:
        docker_engine.remove_containers(nodes())
    if not (answers and docker_engine.containers(LABEL)):
        docker_engine.stop()
    places.kubeconfig().unlink(missing_ok=True)
    if not docker_engine.ours_exists() or places.engine_state() != places.state():
        shutil.rmtree(places.state(), ignore_errors=True)


def nodes() -> str:
    """Selects the containers of this cluster."""
    return f"{LABEL}={places.CLUSTER}"


def is_ready(kubectl: str) -> bool:
    """Every node Ready, and DNS served."""
    try:
        members = ask(kubectl, "get", "nodes")["items"]
        dns = ask(kubectl, "get", "deployment", "coredns", "--namespace", "kube-system")
    except Failed:
        return False
    wanted = places.NODES.read_text().count("- role:")
    ready = sum(
        condition["status"] == "True"
        for node in members
        for condition in node["status"].get("conditions", [])
        if condition["type"] == "Ready"
    )
    return bool(ready >= wanted and dns["status"].get("readyReplicas", 0) >= 1)


def ask(kubectl: str, *question: str) -> dict[str, Any]:
    where = ("--kubeconfig", str(places.kubeconfig()), "--request-timeout=10s", "--output=json")
    answer: dict[str, Any] = json.loads(run(kubectl, *question, *where, env=without_proxy(), seconds=20))
    return answer


def wait_until_ready(kubectl: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready(kubectl):
        if time.monotonic() > deadline:
            where = ("--kubeconfig", str(places.kubeconfig()), "--request-timeout=10s")
            pods = run(kubectl, "get", "nodes,pods", "--all-namespaces", *where, seconds=20)
            raise Failed(f"The cluster was not ready within {READY_SECONDS} s:\n{pods}")
        time.sleep(1)


def without_proxy() -> dict[str, str]:
    """kind passes proxy settings on to its nodes and reaches the API server on loopback: neither wants one."""
    return {name: value for name, value in environment().items() if not name.lower().endswith("_proxy")}


def require() -> None:
    """Make `docker` reach the engine that the cluster runs on, or say that there is no such cluster."""
    if not docker_engine.use_ours() and not succeeds("docker", "version", seconds=20):
        raise Missing("There is no cluster of this set-up. Make one with `make cluster-up`.")


def exports() -> str:
    """Shell lines that put the cluster and its tools into an environment."""
    found = tools("kind", "kubectl", "helm")
    lines = [f"export KUBECONFIG={places.kubeconfig()}"]
    if docker_engine.use_ours():
        lines.append(f"export DOCKER_HOST={os.environ['DOCKER_HOST']}")
    folders = dict.fromkeys(str(path.parent) for path in found.values())
    lines.append(f"export PATH={':'.join(folders)}:$PATH")
    return "\n".join(lines)
