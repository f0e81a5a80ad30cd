"""A real API server and a real api with SQLite, shared; each test has a namespace of its own, and starts what else it
needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from control_plane import ROOT, ControlPlane, control_plane
from live_operator import SYSTEM, Jobs, LiveOperator, Stack, stack_on


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("plane")) as running:
        running.install(*sorted((ROOT / "crds").glob("*.yaml")))
        running.call("POST", "/api/v1/namespaces", {"metadata": {"name": SYSTEM}})
        yield running


@pytest.fixture(scope="module")
def stack(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_on(plane, tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="module")
def operator(stack: Stack) -> Iterator[LiveOperator]:
    """One that all tests of a module share."""
    with stack.operator() as running:
        yield running


@pytest.fixture
def jobs(stack: Stack) -> Iterator[Jobs]:
    """A namespace with a worker."""
    with stack.served_jobs() as served:
        yield served
