"""The definitions on a real API server.

What an operator would answer is tried under a group of its own, which nobody watches and which is deleted afterwards;
the real group is only asked, or created where it is missing.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kube_cluster import Cluster, CommandFailed
from kube_objects import Objects, connect

from taskjob_operator.crd.definitions import GROUP, definitions
from taskjob_operator.crd.manifest import manifest

TRIALS = {"taskjobs": "trialjobs", "taskqueues": "trialqueues"}
CRDS = Path(__file__).parents[3] / "crds"


@pytest.fixture(scope="session")
def namespace(cluster: Cluster) -> Iterator[str]:
    with cluster.namespace() as name:
        yield name


@pytest.fixture(scope="session")
def group(cluster: Cluster) -> Iterator[str]:
    """The definitions as they are, under names that no operator and no other test knows."""
    group = f"crd-{secrets.token_hex(4)}.{GROUP}"
    texts = []
    for plural, definition in definitions().items():
        definition["metadata"]["name"] = f"{TRIALS[plural]}.{group}"
        definition["spec"]["group"] = group
        names = definition["spec"]["names"]
        definition["spec"]["names"] = {
            "kind": names["kind"],
            "plural": TRIALS[plural],
            "singular": TRIALS[plural].removesuffix("s"),
        }
        texts.append(manifest(definition))
    names = [f"crd/{plural}.{group}" for plural in TRIALS.values()]
    cluster.kubectl("apply", "--server-side", "-f", "-", text="---\n".join(texts))
    cluster.kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
    yield group
    cluster.kubectl("delete", *names, "--wait=false")


@pytest.fixture(scope="session")
def jobs(cluster: Cluster, group: str, namespace: str) -> Objects:
    return Objects(connect(cluster.kubeconfig), group, "TaskJob", TRIALS["taskjobs"], namespace)


@pytest.fixture(scope="session")
def queues(cluster: Cluster, group: str, namespace: str) -> Objects:
    return Objects(connect(cluster.kubeconfig), group, "TaskQueue", TRIALS["taskqueues"], namespace)


@pytest.fixture(scope="module")
def installed(cluster: Cluster) -> Iterator[None]:
    """The definitions that are committed, under their own group. Where they were missing they are removed again, since
    a chart takes over nothing that another has made."""
    names = [f"crd/{yaml.safe_load(file.read_text())['metadata']['name']}" for file in sorted(CRDS.glob("*.yaml"))]
    present = cluster.kubectl("get", *names, "-o", "name", "--ignore-not-found").split()
    if not present:
        cluster.kubectl("apply", "--server-side", "-f", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
    until_explained(cluster)
    yield
    if not present:
        cluster.kubectl("delete", *names, "--timeout=60s", seconds=90)


def until_explained(cluster: Cluster) -> None:
    """What the server publishes of a definition comes a moment after it is established, and tells no one."""
    deadline = time.monotonic() + 30
    while True:
        try:
            cluster.kubectl("explain", "taskjob", "--api-version=taskjob.dev/v1alpha1")
        except CommandFailed:
            if time.monotonic() > deadline:
                raise
        else:
            return
