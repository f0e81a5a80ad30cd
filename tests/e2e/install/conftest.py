"""One release of the chart for all tests here, with the chart's defaults and a volume."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helm_release import Release, release_on
from kube_cluster import Cluster


@pytest.fixture(scope="package")
def release(cluster: Cluster, images: tuple[str, str]) -> Iterator[Release]:
    with release_on(cluster, images[0]) as installed:
        yield installed
