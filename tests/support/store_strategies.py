"""What the state machine draws: few queues, keys and tasks, so that everything meets everything."""

from __future__ import annotations

from hypothesis import strategies as st

from taskjob.model import AttemptOutcome, BackoffChoice, ErrorInfo, Owner, QueueLimits, RetryChoice

QUEUES, TASKS = ("default", "q2"), ("a", "b")
some = st.integers(0, 10**6)
maybe = st.none() | st.booleans()
errors = st.sampled_from((None, ErrorInfo(type="KeyError"), ErrorInfo(type="OSError", message="gone")))
limits = st.builds(
    QueueLimits,
    max_concurrency=st.sampled_from((None, None, 2)),
    per_concurrency_key=st.integers(1, 3),
    rate_per_second=st.sampled_from((None, None, 3)),
    max_live_jobs=st.sampled_from((None, None, 12)),
)
submissions = st.fixed_dictionaries(
    {
        "namespace": st.sampled_from(("default", "default", "default", "other")),
        "queue": st.sampled_from(QUEUES),
        "task": st.sampled_from(TASKS),
        "priority": st.integers(-1, 2),
        "retry": st.builds(
            RetryChoice,
            max_attempts=st.integers(1, 3),
            max_lost=st.integers(0, 2),
            backoff=st.builds(
                BackoffChoice, initial_seconds=st.integers(1, 3), jitter_percent=st.sampled_from((0, 20))
            ),
            non_retryable=st.sampled_from(((), ("KeyError",))),
        ),
        "timeout_seconds": st.sampled_from((5, 60)),
        "active_deadline_seconds": st.sampled_from((None, None, 25)),
        "concurrency_key": st.sampled_from((None, "k1", "k1", "k2")),
        "suspend": st.sampled_from((False, False, False, True)),
        "ttl_seconds_after_finished": st.sampled_from((0, 20)),
        "ttl_seconds_after_failed": st.sampled_from((0, 40)),
        "owner": st.sampled_from((None, Owner(cluster_id="c1", namespace="default", name="n", uid="u"))),
        "payload": st.sampled_from((b"{}", b'{"n":1}')),
        "labels": st.sampled_from(({}, {"l": "1"})),
    }
)
outcomes = st.sampled_from(
    (*AttemptOutcome, AttemptOutcome.FAILED, AttemptOutcome.FAILED, AttemptOutcome.COMPLETED, AttemptOutcome.COMPLETED)
)
