"""The judge finds what cannot be, in the workers' own logs and after a cancel."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from faults import Fault
from judge import given_after_cancel
from verdicts import contradictions, read_worker_logs

GRANT = "2026-11-29 12:01:39,000 DEBUG taskjob.worker.settled: granted job=j lease=aa run=0 delivery=1"


def clock(text: str) -> float:
    return datetime.strptime(f"2026-11-29 {text}", "%Y-%m-%d %H:%M:%S").astimezone().timestamp()


def settled(verdict: str, outcome: str = "completed", lease: str = "aa", at: str = "12:01:40") -> str:
    told = f"settled job=j lease={lease} outcome={outcome} verdict={verdict}"
    return f"2026-11-29 {at},100 DEBUG taskjob.worker.settled: {told}"


def found(
    tmp_path: Path, lines: list[str], *, outcome: str | None = "completed", killed_at: str | None = None
) -> list[str]:
    (tmp_path / "worker-0.log").write_text("\n".join(["noise", GRANT, *lines, "settled job=j lea"]))
    told = read_worker_logs(tmp_path)
    ended = datetime.fromtimestamp(clock("12:01:40"), UTC).isoformat()
    attempt = {"number": 1, "outcome": outcome, "worker": "worker-0.1", "finishedAt": ended}
    faults = [Fault(clock("12:00:50"), "worker-0.1", "SIGSTOP", ended_at=clock("12:01:00"))]
    if killed_at:
        faults.append(Fault(clock(killed_at), "worker-0.1", "SIGKILL", ended_at=clock(killed_at) + 0.5))
    return contradictions(told, "j", [attempt] if outcome else [], faults)


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
    assert found(tmp_path, [], killed_at="12:01:41") == []
    assert found(tmp_path, [settled("stale")], outcome="lost") == []


def test_a_worker_that_was_killed_late_may_not_have_heard_only_where_it_heard_nothing_else(tmp_path: Path) -> None:
    other = [GRANT.replace("job=j", "job=k"), settled("accepted", at="12:01:50").replace("job=j", "job=k")]

    assert found(tmp_path, [], killed_at="12:02:00") == []
    assert found(tmp_path, other, killed_at="12:01:49") == []
    assert found(tmp_path, other, killed_at="12:02:00") != []


def test_a_worker_whose_session_was_over_may_not_have_heard(tmp_path: Path) -> None:
    assert found(tmp_path, ["WARNING taskjob.worker: 1 leases were lost: SessionGone"]) == []
    assert found(tmp_path, [settled("stale"), "WARNING taskjob.worker: 1 leases were lost: SessionGone"]) != []


def test_a_verdict_of_what_nobody_was_granted_is_named(tmp_path: Path) -> None:
    (tmp_path / "worker-0.log").write_text(settled("accepted", lease="bb"))
    assert len(read_worker_logs(tmp_path).nameless) == 1


@pytest.mark.parametrize(
    ("leased", "started", "found"),
    [("12:01:41", "12:01:42", 1), ("12:01:39", "12:01:50", 0), ("12:01:38", "12:01:39", 0), (None, "12:01:42", 1)],
    ids=["given after it", "on its way before it", "ran before it", "given by nobody"],
)
def test_no_delivery_is_given_after_a_cancel_was_told(leased: str | None, started: str, found: int) -> None:
    told = clock("12:01:40")
    attempts = []
    if leased is not None:
        attempts = [{"run": 0, "number": 1, "leasedAt": datetime.fromtimestamp(clock(leased), UTC).isoformat()}]
    executions = {("j", 0): [{"event": "started", "delivery": 1, "at": clock(started)}]}

    assert found == len(given_after_cancel("j", told, attempts, executions))
