"""When a status is written: the budget, with a clock that the test holds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from operator_jobs import AT, job, record

from taskjob.model import Job, Phase
from taskjob_operator.record import Standing, standing_of
from taskjob_operator.status.build import status_of
from taskjob_operator.writing.budget import Draft, drafted, due_at

NEVER = float("-inf")
FRESH = record().written


def standing(phase: Phase, *, generation: int = 1, **fields: object) -> Standing:
    return standing_of(
        status_of(job(phase, **fields), generation=generation, incarnation="life-1", mirrored=False, now=AT)
    )


def test_a_phase_is_written_when_it_has_lasted_half_a_second() -> None:
    assert 10.5 == due_at(drafted(standing(Phase.QUEUED), None, 10.0), FRESH, NEVER)


def test_another_look_at_the_same_phase_does_not_put_it_off() -> None:
    first = drafted(standing(Phase.RUNNING), None, 10.0)

    assert 10.5 == due_at(drafted(standing(Phase.RUNNING, progress="1/2"), first, 10.4), FRESH, NEVER)


def test_the_next_phase_begins_its_own_half_second() -> None:
    first = drafted(standing(Phase.QUEUED), None, 10.0)

    assert 10.8 == due_at(drafted(standing(Phase.RUNNING), first, 10.3), FRESH, NEVER)


def test_an_outcome_is_written_at_once() -> None:
    assert 10.2 == due_at(drafted(standing(Phase.COMPLETED), None, 10.2), FRESH, NEVER)


def test_no_two_writes_within_a_second() -> None:
    assert 11.0 == due_at(drafted(standing(Phase.COMPLETED), None, 10.2), standing(Phase.RUNNING), 10.0)


def test_progress_is_written_at_most_every_ten_seconds() -> None:
    draft = drafted(standing(Phase.RUNNING, progress="5/10"), None, 12.0)

    assert 20.0 == due_at(draft, standing(Phase.RUNNING, progress="1/10"), 10.0)
    assert 12.0 == due_at(draft, standing(Phase.RUNNING, progress="1/10"), 1.0)


def test_an_edit_of_the_spec_is_answered_at_once() -> None:
    draft = drafted(standing(Phase.RUNNING, generation=2), None, 12.0)

    assert 12.0 == due_at(draft, standing(Phase.RUNNING), 5.0)


PHASES = st.sampled_from([Phase.QUEUED, Phase.ASSIGNED, Phase.RUNNING, Phase.RETRY_QUEUED])
STEPS = st.lists(st.tuples(PHASES, st.floats(0.01, 3.0)), max_size=8)


@given(STEPS)
def test_one_write_for_each_phase_that_lasts_longer_and_one_for_the_outcome(steps: list[tuple[Phase, float]]) -> None:
    """A writer that writes whatever is due, against a count made from the spans."""
    script = [(phase, seconds) for phase, seconds in _merged(steps)] + [(Phase.COMPLETED, 5.0)]
    written, last, draft, now, writes = FRESH, NEVER, None, 100.0, []
    for phase, seconds in script:
        end = now + seconds
        wanted = standing(phase)
        draft = None if wanted.digest == written.digest else drafted(wanted, draft, now)
        while draft is not None and (due := max(due_at(draft, written, last), now)) < end:
            written, last, draft = draft.standing, due, None
            writes.append((due, phase))
        now = end

    allowed = sum(seconds > 0.5 for _, seconds in script[:-1]) + 1
    assert len(writes) <= allowed
    assert "Completed" == written.phase
    assert all(later - earlier >= 1.0 for (earlier, _), (later, _) in pairwise(writes))
    if all(seconds <= 0.5 for _, seconds in script[:-1]):
        assert 1 == len(writes)


def _merged(steps: list[tuple[Phase, float]]) -> list[tuple[Phase, float]]:
    """The same phase twice in a row is one span."""
    merged: list[tuple[Phase, float]] = []
    for phase, seconds in steps:
        if merged and merged[-1][0] is phase:
            merged[-1] = (phase, merged[-1][1] + seconds)
        else:
            merged.append((phase, seconds))
    return merged


def test_a_draft_knows_since_when() -> None:
    one: Job = job(Phase.RUNNING)
    first = drafted(standing_of(status_of(one, generation=1, incarnation="a", mirrored=False, now=AT)), None, 3.0)

    assert isinstance(first, Draft)
    assert 3.0 == first.since
