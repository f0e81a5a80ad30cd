"""The judge of the workers' own logs finds what cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from faults import Fault
from verdicts import contradictions, read_worker_logs

GRANT = "2026-11-29 DEBUG taskjob.worker.settled: granted job=j lease=aa run=0 delivery=1"


def settled(verdict: str, outcome: str = "completed", lease: str = "aa") -> str:
    return f"2026-11-29 DEBUG taskjob.worker.settled: settled job=j lease={lease} outcome={outcome} verdict={verdict}"


def found(tmp_path: Path, lines: list[str], *, outcome: str | None = "completed", hurt: bool = False) -> list[str]:
    (tmp_path / "worker-0.log").write_text("\n".join(["noise", GRANT, *lines, "settled job=j lea"]))
    told = read_worker_logs(tmp_path)
    attempt = {"number": 1, "outcome": outcome, "worker": "worker-0.1", "finishedAt": "1970-01-01T00:01:40.000Z"}
    killed = Fault(at=101.0, target="worker-0.1", action="SIGKILL", ended_at=101.5)
    earlier = Fault(at=50.0, target="worker-0.1", action="SIGSTOP", ended_at=60.0)
    return contradictions(told, "j", [attempt] if outcome else [], [killed] if hurt else [earlier])


@pytest.mark.parametrize(
    "lines",
    [
        [settled("accepted")],
        [settled("replayed")],
        [settled("accepted"), settled("replayed"), settled("replayed")],
    ],
)
def test_what_may_be(tmp_path: Path, lines: list[str]) -> None:
    assert found(tmp_path, lines) == []


@pytest.mark.parametrize(
    ("lines", "outcome", "what"),
    [
        ([settled("accepted"), settled("accepted")], "completed", "accepted 2 times"),
        ([settled("accepted"), settled("stale")], "completed", "a repeat was told"),
        ([settled("replayed"), settled("accepted")], "completed", "a repeat was told"),
        ([settled("accepted", outcome="failed")], "completed", "took effect"),
        ([settled("accepted")], "lost", "took effect"),
        ([settled("stale")], "completed", "was recorded"),
        ([], "completed", "was recorded"),
        ([settled("accepted")], None, "no attempt of it"),
    ],
)
def test_what_cannot_be(tmp_path: Path, lines: list[str], outcome: str | None, what: str) -> None:
    assert any(what in line for line in found(tmp_path, lines, outcome=outcome))


def test_a_killed_worker_may_not_have_heard(tmp_path: Path) -> None:
    assert found(tmp_path, [], hurt=True) == []
    assert found(tmp_path, [settled("stale")], outcome="lost") == []


def test_a_worker_whose_session_was_over_may_not_have_heard(tmp_path: Path) -> None:
    assert found(tmp_path, ["WARNING taskjob.worker: 1 leases were lost: SessionGone"]) == []
    assert found(tmp_path, [settled("stale"), "WARNING taskjob.worker: 1 leases were lost: SessionGone"]) != []


def test_a_verdict_of_what_nobody_was_granted_is_named(tmp_path: Path) -> None:
    (tmp_path / "worker-0.log").write_text(settled("accepted", lease="bb"))
    assert len(read_worker_logs(tmp_path).nameless) == 1
