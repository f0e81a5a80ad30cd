"""What has to be shown beside features: every promise, every scenario of the reviews, every bad input and fault.

Promises and scenarios are found by the names of their tests (`test_g3_…`, `test_scenario_07_…`).
"""

from __future__ import annotations

from trace_items import Row

BAD_INPUT: tuple[Row, ...] = (
    ("I1", "unknown task", ("engine/test_explaining.py::*no_worker*", "cli/test_apply.py::*unknown_task*")),
    (
        "I2",
        "unknown queue",
        (
            "conformance/test_submit.py::*unknown_queue*",
            "engine/test_explaining.py::*queue_not_found*",
            "unit/engine/policies/test_explain.py::*unknown_queue*",
        ),
    ),
    (
        "I3",
        "payload too large or no object",
        (
            "api/test_bad_input.py::*payload_size*",
            "api/test_bad_input.py::*bad_document*",
            "unit/spec/test_limits.py::*payload_bytes*",
        ),
    ),
    ("I4", "wrong types", ("api/test_bad_input.py::*bad_document*", "unit/spec/test_documents.py::*wrong_value*")),
    (
        "I5",
        "NaN",
        ("api/test_bad_input.py::*not_json*", "unit/spec/test_limits.py::*first_offence*"),
    ),
    ("I6", "integers beyond ±2^53", ("api/test_bad_input.py::*integers*", "unit/spec/test_limits.py::*first_offence*")),
    ("I7", "deep nesting", ("api/test_bad_input.py::*depth*", "unit/spec/test_yaml.py::*nesting*")),
    (
        "I8",
        "a batch over its limit and the largest legal one",
        ("api/*::*batch*", "client/test_client.py::*submit_many*", "engine/test_pressure.py::*batch*"),
    ),
    (
        "I9",
        "one key with two payloads",
        (
            "conformance/test_submit.py::test_g6_*",
            "client/test_client.py::*same_key*",
            "cli/test_apply.py::*another_payload*",
        ),
    ),
    (
        "I10",
        "stale and forged lease ids",
        ("conformance/test_settle.py::*stale*", "gateway/test_exchange.py::*forged*"),
    ),
    ("I11", "truncated and oversized frames", ("gateway/test_hostile_tcp.py::*frame*",)),
    ("I12", "wrong protocol version", ("gateway/test_refusals.py::*version*",)),
    ("I13", "expired tokens", ("api/*::*expire*", "gateway/test_refusals.py::TestAuthorization*revoked*")),
    ("I14", "wrong content type and origin", ("api/test_bad_input.py::*content_type*", "api/*::*origin*")),
    (
        "I15",
        "disk full",
        ("integration/*::*disk_full*", "integration/*::*full_disk*", "unit/engine/artifacts/test_file.py::*disk_full*"),
    ),
    (
        "I16",
        "a corrupt or locked database file",
        ("integration/sqlite/*::*corrupt*", "integration/sqlite/*::*damaged*", "integration/sqlite/*::*locked*"),
    ),
    ("I17", "a clock that jumps", ("engine/test_holdoff_scenarios.py::*jump*", "unit/engine/test_clock.py::*jump*")),
)

SCENARIOS: dict[int, str] = {
    1: "an api rollout closes 500 sockets: nothing starts twice, no `lost` rises, a late FIN lapses nothing",
    2: "the api is away, the loop stalls, the clock jumps: no healthy worker loses a lease, a dead one does",
    3: "a cut reply: the same grants for the same seq, a repeated settle is `replayed`, what is not held is released",
    4: "a poison job takes no neighbours with it and ends as dead letter",
    5: "two façades and one concurrency key; a million blocked jobs; a holder that crashes",
    7: "one bad row among strangers; a client that leaves mid-flush; settle against cancel; a COMMIT that fails",
    8: "rerun of dead letters, one and ten thousand; a late writer of an old run",
    9: "cancel against settle in both orders; a worker that dies while cancelling; suspend of a running job",
    10: "a steady stream of high priority; workers that do not know a task do not spin",
    11: "a late retry after pruning; a new default field; a batch with keys per item",
    14: "a 20 MB batch or a slow query: heartbeats and settles still pass",
    15: "a long job meets a deploy again and again: checkpoint, grace, a bounded number of interruptions",
}

PROMISES: tuple[Row, ...] = (
    ("G1", "accepted means durable", ("*::test_g1_*", "make chaos")),
    ("G2", "at least once, one recorded outcome", ("*::test_g2_*", "make chaos")),
    ("G3", "fenced", ("*::test_g3_*", "make mutants")),
    ("G4", "bounded", ("*::test_g4_*",)),
    ("G5", "fast recovery", ("gateway/test_death.py::*", "*::test_g5_*")),
    ("G6", "idempotent submit", ("*::test_g6_*",)),
    ("G7", "conservation", ("*::test_g7_*", "make chaos")),
    (
        "G8",
        "one job per object or key, nothing rerun by a restart or a sweep; what the engine owes the operator",
        ("e2e/operator/test_*.py::*", "conformance/test_changes.py::*"),
    ),
    ("G9", "said openly: what is not promised", ("*::test_g9_*",)),
)
