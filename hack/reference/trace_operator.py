"""What has to be shown of the operator that serves TaskJobs. Rows as in `trace_items`."""

from __future__ import annotations

from trace_items import Row

OPERATOR: tuple[Row, ...] = (
    (
        "O1",
        "a TaskJob from creation to each of its ends, as kubectl shows it; no finalizer, no annotation",
        ("e2e/operator/test_lives.py::*",),
    ),
    (
        "O2",
        "the write budget: one write for a quick job, one for each phase that lasts, progress every ten seconds",
        ("unit/operator/test_budget.py::*", "e2e/operator/test_lives.py::*costs*"),
    ),
    (
        "O3",
        "a status never goes backwards: (incarnation, run, revision), outcomes final within their run",
        ("unit/operator/test_order.py::*", "e2e/crd/test_status.py::*"),
    ),
    (
        "O4",
        "status as a user reads it: bounded, one redacted line of error, conditions for kstatus",
        ("unit/operator/test_status.py::*",),
    ),
    (
        "O5",
        "kubectl delete in every phase, also with no operator; the same name again waits for its predecessor",
        (
            "e2e/operator/test_deletions.py::*every_phase",
            "e2e/operator/test_deletions.py::*predecessor",
            "e2e/operator/test_absence.py::*",
        ),
    ),
    (
        "O6",
        "one job per idempotencyKey: mirrors cancel nothing, ownership passes on",
        (
            "e2e/operator/test_deletions.py::*mirror*",
            "e2e/operator/test_deletions.py::*passes_the_job_on",
            "e2e/operator/test_deletions.py::*by_rest*",
            "e2e/operator/test_deletions.py::*known_key*",
        ),
    ),
    (
        "O7",
        "the orphan sweep: two lists and a GET, a brake with a condition, and a person who confirms",
        (
            "e2e/operator/test_absence.py::*too_many*",
            "unit/operator/test_writing.py::*brake*",
            "unit/operator/queues/test_status.py::*orphans*",
        ),
    ),
    ("O8", "killed before and after each of its writes", ("e2e/operator/test_kills.py::*",)),
    (
        "O9",
        "leaders: take-over within 10 s, a thawed one writes nothing, a late renewal loses nothing",
        ("e2e/operator/test_leaders.py::*", "operator/test_uncertain_terms.py::*"),
    ),
    ("O10", "api or API server away", ("e2e/operator/test_outages.py::*",)),
    (
        "O11",
        "409, 429, 410, in-stream errors, a silent watch, hints that are not true",
        ("operator/test_faults.py::*", "operator/test_many_watches.py::*"),
    ),
    (
        "O12",
        "a dead letter is one Event per run, after its status; a completed job is none; a flood is dropped",
        (
            "e2e/operator/test_events.py::*",
            "e2e/operator/test_events_after_a_kill.py::*",
            "operator/test_events.py::*",
            "unit/operator/events/test_event.py::*",
            "unit/operator/events/test_allowance.py::*",
        ),
    ),
)
