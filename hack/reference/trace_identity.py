"""What has to be shown of identity and rights in a cluster. Rows as in `trace_items`."""

from __future__ import annotations

from trace_items import Row

IDENTITY: tuple[Row, ...] = (
    (
        "D1",
        "who may create taskjobs in a namespace may submit there, and so on for each call",
        ("api/test_identity.py::test_each_call*", "api/test_identity.py::*queue_is_put*"),
    ),
    (
        "D2",
        "foreign and missing look the same; in one's own the missing right is named",
        ("api/test_identity.py::*own_namespace*",),
    ),
    (
        "D3",
        "reviews are cached, asked once at a time, bounded, and fail closed",
        ("api/test_answers.py::*", "api/test_identity.py::*reviews_are_kept*", "api/test_reviews.py::*"),
    ),
    (
        "D4",
        "a worker's and the operator's token open no REST; a worker's token is bound to its pod",
        ("api/test_identity.py::*no_rest", "api/test_identity.py::*proves_too_little*"),
    ),
    (
        "D5",
        "a standing connection is reviewed again; an expired token and an outage cost no job",
        ("gateway/test_standing_reviews.py::*",),
    ),
    (
        "D6",
        "kubectl taskjob: patches where a custom resource can say it, else port-forward and a token",
        ("cli/test_plugin.py::*", "e2e/identity/test_plugin.py::*"),
    ),
    (
        "D7",
        "a real API server: another's queue, another's lease, no rights, an expired token, a worker on REST, an outage",
        ("e2e/identity/test_workers.py::*", "e2e/identity/test_rest.py::*"),
    ),
    ("D8", "least privilege of operator, api, workers and people", ("e2e/identity/test_rbac.py::*",)),
    ("D9", "a TaskQueue is no way to another identity", ("e2e/identity/test_admission.py::*",)),
    (
        "D10",
        "the right to serve one queue of another namespace is none to fill its other queues",
        ("gateway/test_refusals.py::*worker_may_serve", "api/test_identity.py::*right_to_create"),
    ),
)
