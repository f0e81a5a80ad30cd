"""What every end-to-end test starts from: a real cluster, the project's images in it, a namespace of its own.

Any cluster will do: TASKJOB_KUBECONFIG or KUBECONFIG names it, else the one of `make cluster-up` is used and made if
need be. Where there can be none, the tests are skipped with the reason, which on CI is a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import kube_cluster
import pytest
from kube_cluster import Cluster, NoCluster

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All need one but those that bring an API server of their own, the fixture `plane`: they are measured too."""
    for item in items:
        if item.path.is_relative_to(HERE):
            own = "plane" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.control_plane if own else pytest.mark.cluster)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    try:
        return kube_cluster.find()
    except NoCluster as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> tuple[str, str]:
    """The project's image, and the one with the examples' tasks, built from this tree and in the cluster."""
    return cluster.build_images()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """Restricted, and for one test only."""
    with cluster.namespace() as name:
        yield name
