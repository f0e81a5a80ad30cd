from __future__ import annotations

import pytest
from rendered_chart import Helm, find_program


@pytest.fixture(scope="session")
def helm() -> Helm:
    program = find_program("helm")
    if program is None:
        pytest.skip("helm is not on PATH and hack/kind has not built it: make cluster-up")
    return Helm(program)


@pytest.fixture(scope="session")
def kubectl() -> str:
    program = find_program("kubectl")
    if program is None:
        pytest.skip("kubectl is not on PATH and hack/kind has not built it: make cluster-up")
    return program
