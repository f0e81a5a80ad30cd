from __future__ import annotations

import pytest
from rendered_chart import Helm, find_helm


@pytest.fixture(scope="session")
def helm() -> Helm:
    program = find_helm()
    if program is None:
        pytest.skip("helm is not on PATH and hack/kind has not built it: make cluster-up")
    return Helm(program)
