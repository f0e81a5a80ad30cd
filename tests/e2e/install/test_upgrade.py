"""helm upgrade to other images of api, operator and workers, while jobs run: none is lost, none is doubled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helm_release import Release
from kube_cluster import Cluster

TASKS = Path(__file__).parent / "shown_tasks.py"
JOBS = 200
BEFORE = 150
LONGEST_MS = 2000
SECONDS = 180


@pytest.fixture
def next_images(cluster: Cluster, images: tuple[str, str]) -> tuple[str, str]:
    """The same under another tag, as a new release has: every pod is rolled."""
    if not cluster.ours:
        pytest.skip("needs the engine that the nodes run on, to give the images another tag")
    newer = tuple(f"{image}-next" for image in images)
    for image, name in zip(images, newer, strict=True):
        cluster.docker("tag", image, name)
    cluster.load(*newer)
    return newer[0], newer[1]


def test_an_upgrade_while_jobs_run_loses_and_doubles_nothing(
    release: Release, images: tuple[str, str], next_images: tuple[str, str]
) -> None:
    tasks = {"shown_tasks.py": TASKS.read_text()}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "upgrade-tasks"}, "data": tasks}
    release.apply(config, _queue(images[1]))
    release.wait("two workers", lambda: _workers(release) == 2)
    old = {pod["metadata"]["name"] for pod in _pods(release)}

    release.apply(*(_job(number) for number in range(BEFORE)))
    release.wait("jobs run", lambda: "Running" in release.phases("-l", "of=upgrade").values())
    release.apply(_queue(next_images[1]))
    release.upgrade(next_images[0])
    release.apply(*(_job(number) for number in range(BEFORE, JOBS)))
    made = {job["metadata"]["uid"] for job in _jobs(release)}
    release.wait("all completed", lambda: {"Completed"} == {*release.phases("-l", "of=upgrade").values()}, SECONDS)
    release.wait("old workers gone", lambda: not old & {pod["metadata"]["name"] for pod in _pods(release)})

    jobs = _jobs(release)
    assert JOBS == len(jobs)
    assert made == {job["metadata"]["uid"] for job in jobs}
    status = [job["status"] for job in jobs]
    assert {(1, 0, 0)} == {(each["attempts"], each.get("lost", 0), each.get("interruptions", 0)) for each in status}
    assert JOBS == len({each["jobID"] for each in status})
    ran_on = {each["worker"] for each in status}
    assert ran_on & old, "some ran on workers of the old image"
    assert ran_on - old, "some on workers of the new"
    assert next_images[0] in _images(release.cluster.get("pods", "-n", release.system)["items"])
    assert {next_images[1]} == _images(_pods(release))


def _queue(image: str) -> dict[str, Any]:
    volume = {"name": "tasks", "configMap": {"name": "upgrade-tasks"}}
    worker = {
        "image": image,
        "modules": ["/tasks/shown_tasks.py"],
        "concurrency": 4,
        "drainSeconds": 20,
        "resources": {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}},
        "template": {"volumes": [volume], "volumeMounts": [{"name": "tasks", "mountPath": "/tasks"}]},
    }
    spec = {"replicas": 2, "worker": worker}
    return {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": "upgrade"}, "spec": spec}


def _job(number: int) -> dict[str, Any]:
    spec = {"queue": "upgrade", "task": "nap", "payload": {"milliseconds": number * 7919 % LONGEST_MS}}
    metadata = {"name": f"upgrade-{number}", "labels": {"of": "upgrade"}}
    return {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskJob", "metadata": metadata, "spec": spec}


def _workers(release: Release) -> int:
    return int(release.get("taskqueues", "upgrade").get("status", {}).get("readyReplicas", 0))


def _jobs(release: Release) -> list[dict[str, Any]]:
    return list(release.get("taskjobs", "-l", "of=upgrade")["items"])


def _pods(release: Release) -> list[dict[str, Any]]:
    found = release.get("pods", "-l", "taskjob.dev/queue=upgrade")["items"]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def _images(pods: list[dict[str, Any]]) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in pods}
