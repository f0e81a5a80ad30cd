"""`kubectl taskjob` on a real cluster: patches with few rights, and a port-forward to an api that runs in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kube_people import People, collection

VERSION = "taskjob.dev/v1alpha1"


@pytest.fixture
def plugin(cluster, tmp_path) -> Any:
    """Runs one command line as kubectl would."""
    scripts = Path(sys.executable).parent

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in cluster.environment.items() if not name.startswith("TASKJOB_")}
        environment = {**kept, "PATH": f"{scripts}{os.pathsep}{kept['PATH']}", "HOME": str(tmp_path), **variables}
        return subprocess.run(
            ["kubectl", "taskjob", *words], env=environment, capture_output=True, text=True, check=False, timeout=90
        )

    return run


def kubeconfig_of(people: People, folder: Path, token: str) -> str:
    """That of somebody with this token at the API server."""
    config = yaml.safe_load(people.kubeconfig.read_text())
    user = next(entry for entry in config["contexts"] if entry["name"] == config["current-context"])["context"]["user"]
    next(entry for entry in config["users"] if entry["name"] == user)["user"] = {"token": token}
    path = folder / "few"
    path.touch(0o600)
    path.write_text(yaml.safe_dump(config))
    return str(path)


def made(people: People, kind: str, namespace: str, **spec: Any) -> None:
    people.create(kind, "x", namespace, version=VERSION, spec=spec)


def spec_of(people: People, kind: str, namespace: str) -> dict[str, Any]:
    found = people.call("GET", f"{collection(VERSION, kind, namespace)}/x").json()["spec"]
    assert isinstance(found, dict)
    return found


def test_patches_need_the_right_to_patch_and_nothing_more(people, media, plugin, tmp_path):
    rule = {"apiGroups": ["taskjob.dev"], "resources": ["taskjobs", "taskqueues"], "verbs": ["get", "patch"]}
    people.bind(media, f"system:serviceaccount:{media}:ci", people.role(media, rule), kind="Role")
    few = kubeconfig_of(people, tmp_path, people.token(media, "ci"))
    none = people.token(media, "w")
    made(people, "TaskJob", media, task="noop")
    made(people, "TaskQueue", media, limits={"maxConcurrency": 1})

    for words in (("rerun", "x"), ("rerun", "tj/x"), ("cancel", "x"), ("pause", "x")):
        done = plugin(*words, "-n", media, "--kubeconfig", few)
        assert done.returncode == 0, done.stderr
    job = spec_of(people, "TaskJob", media)
    assert (job["cancel"], job["rerun"], spec_of(people, "TaskQueue", media)["paused"]) == (True, 2, True)
    assert 0 == plugin("resume", "x", "-n", media, "--kubeconfig", few).returncode
    assert spec_of(people, "TaskQueue", media)["paused"] is False

    refused = plugin("cancel", "x", "-n", media, "--kubeconfig", kubeconfig_of(people, tmp_path, none))
    assert (refused.returncode, "forbidden" in refused.stderr) == (5, True), refused.stderr


@pytest.fixture
def deployed(people, system, images) -> str:
    """The api as a pod of the cluster, with its ServiceAccount's mounted token; its Service."""
    labels = {"app.kubernetes.io/part-of": "taskjob", "app.kubernetes.io/component": "api", "mark": people.mark}
    variables = {
        "TASKJOB_AUTH": "kubernetes",
        "TASKJOB_STORE": "memory://",
        "TASKJOB_ARTIFACTS": "/tmp/artifacts",
        "TASKJOB_HOST": "0.0.0.0",
        "TASKJOB_GATEWAY_HOST": "0.0.0.0",
    }
    container = {
        "name": "api",
        "image": images[0],
        "imagePullPolicy": "IfNotPresent",
        "command": ["taskjob", "api"],
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
    }
    spec = {"serviceAccountName": "taskjob-api", "automountServiceAccountToken": True, "containers": [container]}
    people.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "api", "namespace": system, "labels": labels},
            "spec": spec,
        }
    )
    ports = [{"name": "http", "port": 8080}, {"name": "gateway", "port": 8081}]
    people.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "api", "namespace": system, "labels": labels},
            "spec": {"selector": {"mark": people.mark}, "ports": ports},
        }
    )
    return f"{system}/api"


def test_an_api_in_the_cluster_is_reached_with_a_token_of_a_service_account(people, media, plugin, deployed, cluster):
    cluster.kubectl(
        "wait",
        "pod/api",
        f"--namespace={deployed.partition('/')[0]}",
        "--for=condition=Ready",
        "--timeout=90s",
        seconds=120,
    )
    named = {"TASKJOB_API_SERVICE": deployed, "TASKJOB_SERVICE_ACCOUNT": "ci"}

    refused = plugin("get", "jobs", "-n", media, **named)
    assert (refused.returncode, "may not list taskjobs.taskjob.dev" in refused.stderr) == (5, True), refused.stderr

    people.bind(media, f"system:serviceaccount:{media}:w", "edit")
    named["TASKJOB_SERVICE_ACCOUNT"] = "w"
    submitted = plugin("submit", "noop", "-n", media, **named)
    assert submitted.returncode == 0, submitted.stderr
    listed = plugin("get", "jobs", "-n", media, **named)
    assert (listed.returncode, "noop" in listed.stdout) == (0, True), listed.stderr
    assert 0 == plugin("top", "-n", media, **named).returncode
    token = plugin("token", "-n", media, "--service-account", "w").stdout.strip()
    assert 3 == len(token.split("."))
