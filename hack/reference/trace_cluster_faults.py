"""What comes to harm in a cluster, and where that is shown. Rows as in `trace_items`."""

from __future__ import annotations

from trace_items import Row

LONG = "make chaos-cluster"
SLICE = "e2e/faults/test_chaos_on_a_cluster.py::*"

FAULTS: tuple[Row, ...] = (
    ("F1", "the operator is killed at random under load", (LONG, SLICE)),
    (
        "F2",
        "the operator is killed at each write, for TaskJobs and for TaskQueues",
        ("e2e/operator/test_kills.py::*", "e2e/queues/test_kills.py::*"),
    ),
    ("F3", "the API server is restarted", (LONG, "e2e/operator/test_outages.py::*")),
    ("F4", "the api's pod is killed, by force, with grace, and as a process", (LONG, SLICE)),
    ("F5", "a worker's pod is deleted with grace and killed hard", (LONG, SLICE, "e2e/pods/test_deaths.py::*")),
    ("F6", "the workers roll under load", (LONG, SLICE, "e2e/pods/test_rollout.py::*")),
    ("F7", "a node is drained and given back", (LONG,)),
    ("F8", "a node is stopped and started again", (LONG,)),
    ("F9", "a task takes its worker's memory", (LONG, "e2e/pods/test_deaths.py::*memory*")),
    (
        "F10",
        "objects are deleted in every phase, also while no operator runs, and a thousand at once",
        (LONG, SLICE, "e2e/operator/test_deletions.py::*", "e2e/operator/test_absence.py::*"),
    ),
    (
        "F11",
        "the same object applied twice; deleted and made again under the same name",
        (LONG, SLICE, "e2e/operator/test_deletions.py::*used_again*"),
    ),
    (
        "F12",
        "a leader that is stopped and goes on when another leads, whose Lease was taken, or that cannot renew it",
        (LONG, "e2e/operator/test_leaders.py::*", "e2e/queues/test_absence.py::*frozen*"),
    ),
    ("F13", "no status goes backwards, as a watch sees it", (LONG, SLICE)),
    (
        "F14",
        "a TaskQueue is deleted, with its workers or without them, or made again while no operator runs",
        ("e2e/queues/test_absence.py::*",),
    ),
)
