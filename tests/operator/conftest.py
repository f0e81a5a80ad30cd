"""An operator beside a scripted API server and a real api with a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from live_operator import LiveOperator
from live_stack import LiveStack, live_stack
from scripted_cluster import ScriptedCluster
from scripted_operator import scripted_operator

from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.target import Connection


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Its worker serves the namespace `default`."""
    with live_stack(tmp_path_factory.mktemp("engine")) as running:
        yield running


@pytest.fixture
def cluster() -> Iterator[ScriptedCluster]:
    with ScriptedCluster().running() as running:
        yield running


@pytest.fixture
def operator(cluster: ScriptedCluster, engine: LiveStack, tmp_path: Path) -> Iterator[LiveOperator]:
    with scripted_operator(cluster, tmp_path, engine.url, SWEEP_CONFIRM_SECONDS="0.2") as running:
        yield running


@pytest.fixture
async def kube(cluster: ScriptedCluster) -> AsyncIterator[KubeClient]:
    """A session of our own with the scripted API server, for parts of an operator in this process."""
    client = KubeClient(Connection(server=cluster.url))
    yield client
    await client.close()
