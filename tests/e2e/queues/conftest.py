"""A real API server with the controllers of Deployments and of owners, a real api and a real operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from control_plane import ROOT, ControlPlane, control_plane
from live_operator import SYSTEM, LiveOperator, Stack, stack_on
from live_queues import Queues


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("plane")) as running:
        running.install(*sorted((ROOT / "crds").glob("*.yaml")))
        running.call("POST", "/api/v1/namespaces", {"metadata": {"name": SYSTEM}})
        running.start_controllers()
        yield running


@pytest.fixture(scope="package")
def stack(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_on(plane, tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="module")
def operator(stack: Stack) -> Iterator[LiveOperator]:
    """One that all tests of a module share."""
    with stack.operator(GATEWAY_URL="tcp://taskjob-api.taskjob-system:8081") as running:
        yield running


@pytest.fixture
def queues(plane: ControlPlane, operator: LiveOperator) -> Queues:
    del operator  # it runs
    return Queues(plane)
