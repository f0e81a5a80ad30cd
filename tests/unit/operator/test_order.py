"""Which look at a job is the later one; a status never goes backwards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from operator_jobs import AT, job

from taskjob.model import Job, Phase
from taskjob_operator.status.build import status_of
from taskjob_operator.status.document import TERMINAL, TaskJobStatus
from taskjob_operator.status.order import Incarnations, is_older


def shown(one: Job, incarnation: str = "life-1") -> TaskJobStatus:
    return status_of(one, generation=1, incarnation=incarnation, mirrored=False, now=AT)


def test_within_a_life_of_the_store_run_and_revision_decide() -> None:
    said = shown(job(run=1, revision=5))

    assert is_older(job(run=1, revision=4), "life-1", than=said)
    assert is_older(job(run=0, revision=9), "life-1", than=said)
    assert not is_older(job(run=1, revision=5), "life-1", than=said)
    assert not is_older(job(run=2, revision=0), "life-1", than=said)


def test_a_restored_store_may_count_from_further_back() -> None:
    assert not is_older(job(revision=1), "life-2", than=shown(job(revision=5)))


def test_an_outcome_stays_when_a_restored_store_runs_the_job_once_more() -> None:
    said = shown(job(Phase.COMPLETED, revision=5))

    assert is_older(job(Phase.RUNNING, revision=9), "life-2", than=said)
    assert is_older(job(Phase.DEAD_LETTER, revision=9), "life-2", than=said)
    assert not is_older(job(Phase.COMPLETED, revision=2), "life-2", than=said)
    assert not is_older(job(Phase.RUNNING, run=1), "life-2", than=said)


LOOKS = st.tuples(
    st.builds(job, st.sampled_from(Phase), run=st.integers(0, 2), revision=st.integers(0, 4)),
    st.sampled_from(["life-1", "life-2"]),
)


@given(st.lists(LOOKS, max_size=12))
def test_whatever_comes_in_whatever_order_the_status_never_goes_backwards(looks: list[tuple[Job, str]]) -> None:
    said: TaskJobStatus | None = None
    for one, incarnation in looks:
        if said is not None and is_older(one, incarnation, than=said):
            continue
        new = shown(one, incarnation)
        if said is not None and said.incarnation == new.incarnation:
            assert (new.run, new.revision) >= (said.run, said.revision)
        if said is not None and said.phase in TERMINAL:
            assert new.run > said.run or new.phase == said.phase
        said = new


def test_the_incarnation_that_was_learned_last_is_current() -> None:
    known = Incarnations()

    assert known.admit("life-1", asked_at=1, now=2)
    assert known.admit("life-1", asked_at=1, now=3)
    assert known.admit("life-2", asked_at=4, now=5)
    assert "life-2" == known.current


def test_an_answer_that_was_asked_for_before_a_newer_incarnation_was_learned_is_dropped() -> None:
    known = Incarnations()
    known.admit("life-1", asked_at=1, now=2)
    known.admit("life-2", asked_at=4, now=6)

    assert not known.admit("life-1", asked_at=5, now=7)
    assert known.admit("life-1", asked_at=8, now=9)  # asked later: the store was restored once more
