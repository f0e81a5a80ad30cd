"""Hypothesis strategies and a builder for the pure life cycle."""

from __future__ import annotations

from typing import Any

from clocks import START
from hypothesis import strategies as st

from taskjob.model import AttemptOutcome, Backoff, ErrorInfo, RetryPolicy
from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.state import JobState
from taskjob_engine.lifecycle.transitions import Ending

AGING = 60


def job_state(**fields: Any) -> JobState:
    """As resolved, before its first placement."""
    given: dict[str, Any] = {
        "id": "0" * 32,
        "namespace": "default",
        "queue": "default",
        "task": "demo",
        "retry": RetryPolicy(),
        "timeout_seconds": 60,
        "priority": 0,
        "concurrency_key": None,
        "suspend": False,
        "ttl_seconds_after_finished": 10,
        "ttl_seconds_after_failed": 100,
        "created_at": START,
        "start_after": None,
        "active_deadline_seconds": None,
        "deadline_at": None,
    }
    return JobState(**(given | fields))


def ready(**fields: Any) -> JobState:
    return transitions.accept(job_state(**fields), now=START, aging_seconds=AGING)


def leased(job: JobState | None = None, *, now: int = START, **fields: Any) -> JobState:
    return transitions.grant(job or ready(**fields), lease_id="1" * 32, session="s", worker="w", now=now)


def end(job: JobState, outcome: AttemptOutcome, *, now: int = START, jitter: float = 0.5, **more: Any) -> JobState:
    return transitions.end(job, Ending(outcome, **more), now=now, jitter=jitter, aging_seconds=AGING)


backoffs = st.builds(
    Backoff,
    initial_seconds=st.integers(0, 1000),
    multiplier=st.integers(1, 10),
    max_seconds=st.integers(1, 100_000),
    jitter_percent=st.integers(0, 100),
)
policies = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 6),
    max_lost=st.integers(0, 4),
    backoff=backoffs,
    non_retryable=st.sampled_from(((), ("KeyError",))),
)
endings = st.builds(
    Ending,
    outcome=st.sampled_from(AttemptOutcome),
    error=st.none() | st.builds(ErrorInfo, type=st.sampled_from(("KeyError", "OSError"))),
    retryable=st.booleans(),
    delay_seconds=st.none() | st.floats(),
    duration_seconds=st.floats(),
)
