"""Every step a job can take, over random lives: bounds hold, terminal absorbs, nothing is left behind."""

import math

from clocks import START
from hypothesis import given
from hypothesis import strategies as st
from job_states import AGING, end, endings, job_state, leased, policies, ready

from taskjob.model import AttemptOutcome, ErrorInfo, Phase, Reason, RetryPolicy
from taskjob.model.job import MAX_INTERRUPTIONS
from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.state import TERMINAL, State, phase_of

SECOND = 1_000_000


@given(policies, st.lists(st.tuples(endings, st.booleans(), st.floats(0, 1, exclude_max=True)), max_size=80))
def test_g4_counters_never_exceed_their_bounds_over_any_life(policy, life):
    job, now = ready(retry=policy), START
    for ending, starts, jitter in life:
        if job.state is State.WAITING:
            now = max(now, job.due_at)
            job = transitions.promote(job, now=now, aging_seconds=AGING)
        if job.state in TERMINAL:
            break
        job = leased(job, now=now)
        if starts:
            job = transitions.start(job, ago_seconds=0.0, now=now)
        before = job
        job = transitions.end(job, ending, now=now, jitter=jitter, aging_seconds=AGING)
        assert job.attempts <= policy.max_attempts
        assert job.lost <= policy.max_lost
        assert job.interruptions <= MAX_INTERRUPTIONS
        assert job.deliveries <= policy.max_deliveries
        assert job.revision > before.revision
        charged = job.attempts + job.lost + job.interruptions - before.attempts - before.lost - before.interruptions
        assert charged in {0, 1}
    assert job.deliveries <= policy.max_deliveries


@given(policies, st.lists(endings, min_size=1, max_size=5), st.floats(0, 1, exclude_max=True))
def test_an_unleased_job_carries_no_trace_of_a_lease(policy, life, jitter):
    job = ready(retry=policy)
    for ending in life:
        if job.state is not State.READY:
            break
        job = transitions.end(leased(job), ending, now=START, jitter=jitter, aging_seconds=AGING)
        assert (job.lease_id, job.session, job.leased_at, job.timeout_at) == (None, None, None, None)
        assert (job.state in TERMINAL) == (job.finished_at is not None) == (job.expires_at is not None)
        assert (job.state is State.READY) == (job.ready_at is not None)
        if job.state is State.WAITING:
            assert job.due_at > START


@given(st.sampled_from(sorted(TERMINAL)))
def test_g2_terminal_absorbs_everything_but_a_rerun(state):
    job = transitions.finish(leased(), state, Reason.COMPLETED, now=START)
    assert transitions.promote(job, now=START, aging_seconds=AGING) is None
    assert transitions.start(job, ago_seconds=0, now=START) is None
    assert transitions.request_cancel(job, now=START) is None
    assert transitions.expire_deadline(job, now=10**18) is None
    amended = transitions.amend(job, now=START, aging_seconds=AGING, priority=5, suspend=True)
    assert amended.state is state
    assert transitions.rerun(job, now=START, aging_seconds=AGING).run == job.run + 1


def test_rerun_of_a_live_job_is_nothing():
    for job in (ready(), leased(), ready(suspend=True)):
        assert transitions.rerun(job, now=START, aging_seconds=AGING) is None


def test_what_each_outcome_charges():
    charges = {
        outcome: (job.attempts, job.lost, job.interruptions)
        for outcome in AttemptOutcome
        for job in [end(leased(), outcome)]
    }
    assert charges == {
        AttemptOutcome.COMPLETED: (1, 0, 0),
        AttemptOutcome.FAILED: (1, 0, 0),
        AttemptOutcome.TIMED_OUT: (1, 0, 0),
        AttemptOutcome.CRASHED: (0, 1, 0),
        AttemptOutcome.LOST: (0, 1, 0),
        AttemptOutcome.INTERRUPTED: (0, 0, 1),
        AttemptOutcome.RELEASED: (0, 0, 0),
        AttemptOutcome.SNOOZED: (0, 0, 0),
        AttemptOutcome.CANCELLED: (0, 0, 0),
    }


def test_where_each_outcome_leads():
    leads = {outcome: end(leased(), outcome, delay_seconds=1.0) for outcome in AttemptOutcome}
    assert {outcome: (job.state, job.reason) for outcome, job in leads.items()} == {
        AttemptOutcome.COMPLETED: (State.COMPLETED, Reason.COMPLETED),
        AttemptOutcome.FAILED: (State.WAITING, Reason.BACKOFF),
        AttemptOutcome.TIMED_OUT: (State.WAITING, Reason.BACKOFF),
        AttemptOutcome.CRASHED: (State.WAITING, Reason.BACKOFF),
        AttemptOutcome.LOST: (State.READY, Reason.QUEUED),
        AttemptOutcome.INTERRUPTED: (State.READY, Reason.QUEUED),
        AttemptOutcome.RELEASED: (State.READY, Reason.QUEUED),
        AttemptOutcome.SNOOZED: (State.WAITING, Reason.SNOOZED),
        AttemptOutcome.CANCELLED: (State.CANCELLED, Reason.CANCELLED_BY_TASK),
    }


@given(st.sampled_from(AttemptOutcome))
def test_a_requested_cancel_wins_over_every_outcome(outcome):
    job = transitions.request_cancel(leased(), now=START)
    assert job.state is State.LEASED
    assert (end(job, outcome).state, end(job, outcome).reason) == (State.CANCELLED, Reason.CANCEL_REQUESTED)


def test_a_harmless_end_leaves_the_last_error_alone():
    error = ErrorInfo(type="OSError")
    failed = end(leased(), AttemptOutcome.FAILED, error=error, delay_seconds=0.0)
    released = end(leased(failed), AttemptOutcome.RELEASED, error=ErrorInfo(type="LeaseExpired"))
    assert released.last_error == error
    lost = end(leased(released), AttemptOutcome.LOST, error=ErrorInfo(type="LeaseExpired"))
    assert lost.last_error.type == "LeaseExpired"


def test_retention_counts_from_the_finish_and_by_kind():
    done, dead = end(leased(), AttemptOutcome.COMPLETED), end(leased(), AttemptOutcome.FAILED, retryable=False)
    assert done.expires_at == START + 10 * SECOND
    assert (dead.state, dead.expires_at) == (State.DEAD_LETTER, START + 100 * SECOND)


@given(st.floats(), st.integers(0, 100))
def test_a_start_lies_between_the_grant_and_now(ago, later):
    now = START + later * SECOND
    job = transitions.start(leased(), ago_seconds=ago, now=now)
    assert START <= job.started_at <= now
    assert job.timeout_at == job.started_at + 60 * SECOND
    assert transitions.start(job, ago_seconds=0, now=now) is None


@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 100))
def test_an_attempt_never_outlives_the_jobs_deadline(timeout, deadline, waited):
    job = ready(timeout_seconds=timeout, deadline_at=START + deadline * SECOND)
    now = START + min(waited, deadline) * SECOND
    granted = leased(job, now=now)
    left = transitions.time_left_seconds(granted, now=now)
    assert left == min(timeout, deadline - min(waited, deadline))
    started = transitions.start(granted, ago_seconds=0, now=now)
    assert started.timeout_at == now + left * SECOND


def test_stop_orders_by_their_weight():
    job = transitions.start(leased(deadline_at=START + 5 * SECOND), ago_seconds=0, now=START)
    assert transitions.stop_order(job, now=START) is None
    assert transitions.stop_order(job, now=START + 5 * SECOND) == "DeadlineExceeded"
    cancelled = transitions.request_cancel(job, now=START)
    assert transitions.stop_order(cancelled, now=START + 5 * SECOND) == "CancelRequested"
    late = transitions.start(leased(), ago_seconds=0, now=START)
    assert transitions.stop_order(late, now=START + 60 * SECOND) == "TimedOut"


def test_promote_moves_only_what_is_due():
    delayed = transitions.accept(job_state(start_after=START + SECOND), now=START, aging_seconds=AGING)
    assert transitions.promote(delayed, now=START + SECOND - 1, aging_seconds=AGING) is None
    assert transitions.promote(delayed, now=START + SECOND, aging_seconds=AGING).state is State.READY
    for still in (ready(suspend=True), transitions.limited(ready()), ready(), leased()):
        assert transitions.promote(still, now=10**18, aging_seconds=AGING) is None


def test_a_permit_is_held_exactly_while_ready_or_leased():
    keyed = ready(concurrency_key="k")
    finished = end(leased(keyed), AttemptOutcome.COMPLETED)
    held = {
        "ready": keyed,
        "leased": leased(keyed),
        "limited": transitions.limited(keyed),
        "finished": finished,
        "unkeyed": ready(),
    }
    assert {name for name, job in held.items() if transitions.holds_permit(job)} == {"ready", "leased"}


def test_a_limited_job_keeps_its_rank_when_its_permit_comes():
    waiting = transitions.limited(ready(priority=3))
    granted = transitions.permit_granted(waiting, now=START + 99 * SECOND)
    assert (granted.state, granted.rank) == (State.READY, waiting.rank)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(0, 3600))
def test_a_new_priority_equals_having_had_it_from_the_start(before, after, aging):
    first = transitions.accept(job_state(priority=before), now=START, aging_seconds=aging)
    amended = transitions.amend(first, now=START + 500 * SECOND, aging_seconds=aging, priority=after)
    direct = transitions.accept(job_state(priority=after), now=START, aging_seconds=aging)
    assert (amended or first).rank == direct.rank


def test_a_rerun_starts_afresh_and_its_deadline_too():
    spent = end(leased(retry=RetryPolicy(max_attempts=1), active_deadline_seconds=7), AttemptOutcome.FAILED)
    later = START + 1000 * SECOND
    fresh = transitions.rerun(spent, now=later, aging_seconds=AGING)
    assert (fresh.run, fresh.attempts, fresh.deliveries, fresh.last_error) == (1, 0, 0, None)
    assert (fresh.state, fresh.deadline_at, fresh.finished_at) == (State.READY, later + 7 * SECOND, None)
    assert fresh.revision > spent.revision


def test_the_phase_is_a_function_of_state_reason_and_start():
    assert phase_of(State.WAITING, Reason.BACKOFF, None) is Phase.RETRY_QUEUED
    for reason in (Reason.DELAYED, Reason.SNOOZED, Reason.SUSPENDED, Reason.LIMITED):
        assert phase_of(State.WAITING, reason, None) is Phase.SUBMITTED
    assert phase_of(State.READY, Reason.QUEUED, None) is Phase.QUEUED
    assert phase_of(State.LEASED, Reason.ASSIGNED, None) is Phase.ASSIGNED
    assert phase_of(State.LEASED, Reason.RUNNING, START) is Phase.RUNNING
    assert {phase_of(state, Reason.COMPLETED, START).value for state in TERMINAL} == {s.value for s in TERMINAL}


@given(st.floats())
def test_no_delay_leads_out_of_time(delay):
    job = end(leased(), AttemptOutcome.SNOOZED, delay_seconds=delay)
    due = START if job.due_at is None else job.due_at
    assert START <= due <= START + 3650 * 86_400 * SECOND
    if not math.isnan(delay) and delay > 0.000001:
        assert job.state is State.WAITING
