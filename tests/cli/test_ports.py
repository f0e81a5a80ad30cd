"""Ports that `taskjob dev` chooses now and takes later."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskjob.cli.dev import ports
from taskjob.errors import ConflictError


@pytest.mark.parametrize("given_away", ["20000\t60999\n", "1024\t65000\n"])
def test_a_port_chosen_for_later_is_none_that_the_kernel_gives_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_away: str
) -> None:
    (tmp_path / "range").write_text(given_away)
    monkeypatch.setattr(ports, "_EPHEMERAL_PORTS", tmp_path / "range")
    first, last = (int(word) for word in given_away.split())

    chosen = {ports.free_port() for _ in range(100)}

    assert not chosen & set(range(first, last + 1))
    assert 10_000 <= min(chosen) <= max(chosen) < 65_536


def test_a_kernel_that_gives_away_all_ports_leaves_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "range").write_text("1024\t65535\n")
    monkeypatch.setattr(ports, "_EPHEMERAL_PORTS", tmp_path / "range")

    assert ports.free_port() >= 10_000


def test_two_ports_chosen_for_later_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port in {10_000, 10_001})

    first = ports.free_port()

    assert {first, ports.free_port(first)} == {10_000, 10_001}


def test_where_no_port_is_free_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _: False)

    with pytest.raises(ConflictError, match="no free port"):
        ports.free_port()
