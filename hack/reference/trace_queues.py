"""What has to be shown of TaskQueues and their workers in a cluster. Rows as in `trace_items`."""

from __future__ import annotations

from trace_items import Row

QUEUES: tuple[Row, ...] = (
    (
        "Q1",
        "a TaskQueue becomes a Deployment it owns, by server-side apply; drift is set back; nothing else is taken over",
        ("unit/operator/resources/test_objects.py::*", "e2e/queues/test_workers.py::*"),
    ),
    (
        "Q2",
        "every worker pod is within PodSecurity restricted, with one token, whatever the document says",
        (
            "unit/operator/resources/test_objects.py::*restricted*",
            "unit/operator/resources/test_objects.py::*only_token*",
            "e2e/queues/test_workers.py::*under_restricted*",
        ),
    ),
    (
        "Q3",
        "modes Manual and Disabled, kubectl scale, the budget; other modes are refused by name",
        (
            "e2e/queues/test_workers.py::*replicas_follow*",
            "e2e/queues/test_workers.py::*mode_disabled*",
            "e2e/queues/test_workers.py::*not_built_yet*",
        ),
    ),
    (
        "Q4",
        "deploymentRef: watched and scaled, never templated; never by two that disagree",
        ("e2e/queues/test_workers.py::*referred*", "operator/test_queues.py::*"),
    ),
    (
        "Q5",
        "image, crash, quota, missing rights and templates are conditions that say what mends them",
        (
            "unit/operator/queues/test_trouble.py::*",
            "unit/operator/queues/test_status.py::*",
            "e2e/queues/test_workers.py::*is_told*",
            "e2e/queues/test_workers.py::*not_for_workers*",
            "e2e/pods/test_troubles.py::*",
        ),
    ),
    (
        "Q6",
        "the end of a pod is told with its reason, only where it is certain, and shortens recovery",
        (
            "unit/operator/pods/test_facts.py::*",
            "gateway/test_death.py::*force*",
            "conformance/test_principals.py::*",
            "e2e/pods/test_deaths.py::*",
        ),
    ),
    (
        "Q10",
        "what keeps workers from starting is the jobs' reason and in explain, within the budget; a flap is no write",
        (
            "unit/operator/queues/test_stoppages.py::*",
            "unit/operator/test_telling.py::*",
            "unit/engine/policies/test_explain.py::*cannot_start*",
            "conformance/test_queues.py::*its_cluster_says*",
            "api/operator_door/test_queues.py::*cannot_start*",
            "e2e/operator/test_stopped_queues.py::*",
            "e2e/queues/test_stopped_jobs.py::*",
        ),
    ),
    (
        "Q11",
        "a drain that is too short is a condition, from how long jobs really run",
        (
            "unit/engine/test_telemetry.py::*how_long_jobs_run*",
            "unit/operator/queues/test_status.py::*drain*",
            "unit/operator/queues/test_status.py::*not_known_now*",
            "e2e/operator/test_stopped_queues.py::*drain*",
        ),
    ),
    (
        "Q12",
        "how the operator scaled, and a condition that turned bad, are Events, once a turn",
        (
            "e2e/queues/test_events.py::*",
            "operator/test_queue_events.py::*",
            "unit/operator/events/test_turns.py::*",
        ),
    ),
    ("Q7", "a rollout loses and doubles nothing", ("e2e/pods/test_rollout.py::*",)),
    (
        "Q8",
        "numbers are written every ten seconds at most; a steady TaskQueue not at all",
        ("unit/operator/queues/test_status.py::*worth_a_write*", "e2e/queues/test_workers.py::*steady*"),
    ),
    (
        "Q9",
        "a worker takes all it must know from variables, and a stop during its start is not lost",
        ("worker/test_launch.py::*variables*", "worker/test_launch.py::*stop_during*"),
    ),
)
