"""The chart installed as an administrator installs it, on a cluster that may already have the definitions."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kube_cluster import Cluster, CommandFailed, command

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/taskjob"
DEFINITIONS = ("taskjobs.taskjob.dev", "taskqueues.taskjob.dev")
READY_SECONDS = 180
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Release:
    cluster: Cluster
    name: str
    system: str
    """Namespace of api and operator."""
    workers: str
    """The one namespace that is opened to workers."""
    values: dict[str, Any]

    @property
    def claim(self) -> str:
        """The volume claim with the jobs."""
        return f"data-{self.name}-taskjob-api-0"

    def install(self, image: str) -> None:
        self._helm("install", image)

    def upgrade(self, image: str) -> None:
        self._helm("upgrade", image)

    def uninstall(self) -> None:
        self.cluster.helm("uninstall", self.name, "-n", self.system, "--wait", "--timeout=120s")

    def _helm(self, verb: str, image: str) -> None:
        repository, _, tag = image.rpartition(":")
        values = json.dumps({**self.values, "image": {"repository": repository, "tag": tag}})
        words = ("helm", verb, self.name, str(CHART), "-n", self.system, "--values=/dev/stdin", "--wait")
        limit = f"--timeout={READY_SECONDS}s"
        command((*words, limit), self.cluster.environment, text=values, seconds=READY_SECONDS + 30)

    def kubectl(self, *words: str, seconds: float = 60) -> str:
        """In the namespace of the workers."""
        return self.cluster.kubectl(*words, "-n", self.workers, seconds=seconds)

    def get(self, *words: str) -> dict[str, Any]:
        return self.cluster.get(*words, "-n", self.workers)

    def apply(self, *documents: dict[str, Any]) -> None:
        self.cluster.apply(*documents, namespace=self.workers)

    def apply_files(self, *paths: Path, manager: str = "kubectl") -> None:
        """As they are, server-side, with strict validation."""
        flags = ("--server-side", "--validate=strict", f"--field-manager={manager}")
        self.kubectl("apply", *flags, *(f"--filename={path}" for path in paths), seconds=120)

    def phases(self, *selection: str) -> dict[str, str]:
        """Name → phase of the TaskJobs."""
        found = self.get("taskjobs", *selection)["items"]
        return {job["metadata"]["name"]: (job.get("status") or {}).get("phase", "") for job in found}

    def wait(self, what: str, reached: Callable[[], bool], seconds: float = 90) -> None:
        """Looks again where the API server does not answer: tests of faults may restart it."""
        end = time.monotonic() + seconds
        while not _holds(reached):
            assert time.monotonic() < end, f"not within {seconds:g} s: {what}\n{self.state()}"
            time.sleep(LOOK_SECONDS)

    def state(self) -> str:
        """For a person who reads why a test failed."""
        pods = self.cluster.kubectl("get", "pods", "-n", self.system)
        return pods + self.kubectl("get", "pods,taskqueues") + self.kubectl("get", "taskjobs", "-o", "wide")[-4000:]


def _holds(reached: Callable[[], bool]) -> bool:
    with contextlib.suppress(CommandFailed):
        return reached()
    return False


@contextlib.contextmanager
def release_on(cluster: Cluster, image: str) -> Iterator[Release]:
    """Installed with the chart's defaults in namespaces that are labelled restricted; gone afterwards.

    A cluster that has the definitions already has other users of them: then they are not installed and the operator
    keeps to its own namespace.
    """
    with cluster.namespace() as system, cluster.namespace() as workers:
        values: dict[str, Any] = {"workerNamespaces": [workers]}
        if _has_definitions(cluster):
            values |= {"crds": {"install": False}, "operator": {"watchNamespaces": [workers]}}
        release = Release(cluster, f"inst-{system[-8:]}", system, workers, values)
        try:
            release.install(image)
            yield release
        finally:
            with contextlib.suppress(CommandFailed):
                release.kubectl("delete", "taskqueues,taskjobs", "--all", "--wait=false")
            with contextlib.suppress(CommandFailed):
                release.uninstall()


def _has_definitions(cluster: Cluster) -> bool:
    return bool(cluster.kubectl("get", "crd", *DEFINITIONS, "--ignore-not-found", "--output=name").strip())
