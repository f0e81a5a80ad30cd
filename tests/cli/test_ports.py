"""Ports that `taskjob dev` chooses now and takes later."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskjob.cli.dev import ports


@pytest.mark.parametrize(("given_away", "below"), [("20000\t60999\n", 20_000), ("1024\t65000\n", 65_536)])
def test_a_port_chosen_for_later_is_none_that_the_kernel_gives_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given_away: str, below: int
) -> None:
    (tmp_path / "range").write_text(given_away)
    monkeypatch.setattr(ports, "_EPHEMERAL_PORTS", tmp_path / "range")

    chosen = [ports.free_port() for _ in range(100)]

    assert 10_000 <= min(chosen) <= max(chosen) < below


def test_two_ports_chosen_for_later_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([20_000, 20_000, 20_001])
    monkeypatch.setattr(ports.random, "randrange", lambda *_: next(drawn))
    monkeypatch.setattr(ports, "is_free", lambda _: True)

    first = ports.free_port()

    assert (first, ports.free_port(first)) == (20_000, 20_001)
