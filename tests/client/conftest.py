from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_stack import LiveStack, live_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    with live_stack(tmp_path_factory.mktemp("client_stack")) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test may see the settings of the person who runs it."""
    for name in ("SERVER", "TOKEN", "TOKEN_FILE", "NAMESPACE", "CONFIG"):
        monkeypatch.delenv(f"TASKJOB_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
