"""What has to be shown of the api's side of the operator protocol. Rows as in `trace_items`."""

from __future__ import annotations

from trace_items import Row

_DOOR = "api/operator_door/"

OPERATOR_DOOR: tuple[Row, ...] = (
    (
        "OD1",
        "only the scope operator speaks the protocol, and it opens nothing else",
        (f"{_DOOR}test_door.py::*scope_operator*", f"{_DOOR}test_door.py::*opens_nothing_else*"),
    ),
    (
        "OD2",
        "what is not as the protocol says is refused whole; one bad object spoils no other",
        (
            f"{_DOOR}test_door.py::*refused*",
            f"{_DOOR}test_door.py::*problem*",
            f"{_DOOR}test_ensure.py::*rejected*",
            f"{_DOOR}test_queues.py::*spoils*",
        ),
    ),
    (
        "OD3",
        "G8: one job for one object; a later object with the key mirrors it; its owner passes it on",
        (
            f"{_DOOR}test_ensure.py::*one_job*",
            f"{_DOOR}test_ensure.py::*mirrors_it*",
            f"{_DOOR}test_disown.py::*heir*",
            f"{_DOOR}test_disown.py::*only_the_owner*",
        ),
    ),
    (
        "OD4",
        "a pruned job is Expired under its own incarnation, made again under a new one",
        (f"{_DOOR}test_ensure.py::*pruned*", f"{_DOOR}test_ensure.py::*another_incarnation*"),
    ),
    (
        "OD5",
        "priority, suspend, retention, cancel and rerun converge, each step repeatable",
        (
            f"{_DOOR}test_ensure.py::*converges",
            f"{_DOOR}test_ensure.py::*cancel*",
            f"{_DOOR}test_ensure.py::*rerun*",
        ),
    ),
    ("OD6", "a batch of 500 objects costs a handful of commits", (f"{_DOOR}test_ensure.py::*handful*",)),
    (
        "OD7",
        "changes are told until acknowledged; a long poll misses none and is woken by nobody else's",
        (f"{_DOOR}test_changes.py::*", "conformance/test_changes.py::*"),
    ),
    (
        "OD8",
        "the sweep's brake: reported, shown to who may lose by it, confirmed for what was seen",
        (f"{_DOOR}test_sweep.py::*", "conformance/test_owned.py::*", "cli/test_orphans.py::*confirmed"),
    ),
    (
        "OD9",
        "a declared queue is edited as an object; a deleted one leases no more, and its jobs say so",
        (
            f"{_DOOR}test_queues.py::*people_change*",
            f"{_DOOR}test_queues.py::*deleted*",
            "conformance/test_queues.py::*deleted*",
        ),
    ),
    (
        "OD10",
        "a queue's numbers are of one moment",
        (f"{_DOOR}test_queues.py::*numbers*", "conformance/test_loads.py::*"),
    ),
    (
        "OD11",
        "OOMKilled, Evicted, NodeLost: a dead pod's attempts end at once and say so",
        (f"{_DOOR}test_pods.py::*", "conformance/test_principals.py::*"),
    ),
    ("OD12", "the protocol's page is true", (f"{_DOOR}test_page.py::*",)),
)
