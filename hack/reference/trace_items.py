"""What has to be shown: every item of the first release, every bad input, fault, scenario and promise.

Each row is (id, what, patterns). A pattern is a glob over `path::test` below tests/, or a make target. The promises
and scenarios are found by the names of their tests (`test_g3_…`, `test_scenario_07_…`).
"""

from __future__ import annotations

Row = tuple[str, str, tuple[str, ...]]

HOUSE: tuple[Row, ...] = (
    (
        "H1",
        "layout, packages typed and in the wheel, nothing shadows the standard library",
        ("meta/test_layout.py::*",),
    ),
    ("H2", "import contracts that fail when an arrow turns round", ("meta/test_contracts.py::*",)),
    ("H3", "names, file lengths, no construct that executes data", ("meta/test_source.py::*",)),
    ("H4", "style and strict types", ("make lint",)),
    ("H5", "README's commands work from a fresh clone", ("meta/test_readme.py::*",)),
    ("H6", "every page true: generated regions, links, error codes", ("meta/test_docs.py::*", "make verify")),
    ("H7", "one command to the demo, one to all tests", ("make demo", "make test")),
    ("H8", "`pip install -e .`, then examples/simple_task.py runs or names the extra", ("*::*simple_task*",)),
    ("H9", "coverage is held to its limits in every component", ("meta/test_coverage_gate.py::*",)),
)

VOCABULARY: tuple[Row, ...] = (
    ("V1", "unknown fields are refused, the nearest known name suggested", ("unit/spec/*::*unknown*",)),
    ("V2", "the same document by REST, laptop and custom resource", ("unit/spec/*::*",)),
    (
        "V3",
        "one error root with stable codes, round trip through the problem document",
        ("*::*round_trip*", "*::*problem*"),
    ),
    ("V4", "fields of later features are refused with NotYetSupported", ("*::*not_yet_supported*", "*::*later*")),
    ("V5", "wire messages and their session machine, without I/O", ("gateway/*session*::*",)),
)

ENGINE: tuple[Row, ...] = (
    ("E1", "life cycle: pure, one place, bounded", ("unit/engine/lifecycle/*::*",)),
    ("E2", "one conformance suite over memory and SQLite", ("conformance/*::*",)),
    (
        "E3",
        "the state machine drives each store against the oracle",
        ("conformance/*model*::*", "conformance/*machine*::*"),
    ),
    (
        "E4",
        "SQLite: settings read back; weaker ones refused",
        ("integration/sqlite/*::*durab*", "integration/sqlite/*::*synchronous*"),
    ),
    (
        "E5",
        "SQLite: group commit; a bad row spoils no stranger's",
        ("integration/sqlite/*::*flush*", "integration/sqlite/*::*commit*"),
    ),
    (
        "E6",
        "SQLite: versioned migrations; a newer schema is refused",
        ("integration/sqlite/*::*schema*", "integration/sqlite/*::*migrat*"),
    ),
    ("E7", "SQLite: a second process is refused", ("integration/sqlite/*::*second*",)),
    ("E8", "SQLite: a network file system is refused", ("integration/sqlite/*::*network*",)),
    ("E9", "SQLite: log and file stay bounded under churn", ("integration/sqlite/*::*bounded*",)),
    ("E10", "SQLite: back-up while running", ("integration/sqlite/*::*backup*",)),
    ("E11", "submit: single, batch, idempotency key", ("conformance/test_submit.py::*",)),
    ("E12", "rank with ageing", ("conformance/*::*rank*", "conformance/*::*priorit*")),
    ("E13", "delayed start", ("conformance/*::*delay*",)),
    ("E14", "retry with exponential back-off and jitter", ("unit/engine/lifecycle/*::*backoff*",)),
    ("E15", "non-retryable errors", ("*::*non_retryable*",)),
    ("E16", "`Retry`, `Snooze`, `Cancel` raised by a task", ("*::*snooze*",)),
    ("E17", "attempt time-out and job deadline", ("conformance/*::*deadline*", "conformance/*::*time*out*")),
    ("E18", "cancel of waiting and running jobs", ("conformance/test_cancel.py::*",)),
    ("E19", "suspend and resume", ("conformance/*::*suspend*",)),
    ("E20", "progress and checkpoint", ("conformance/*::*checkpoint*",)),
    ("E21", "attempt history", ("conformance/*::*attempt*",)),
    ("E22", "sessions, epochs, heartbeats", ("conformance/*session*::*",)),
    ("E23", "expiry with hold-off", ("*::*hold*off*",)),
    ("E24", "the suspect rule", ("*::*suspect*",)),
    ("E25", "dead letters: inspect, rerun one and many, purge", ("conformance/*::*rerun*", "conformance/*::*purge*")),
    ("E26", "pause and resume of a queue", ("conformance/*::*pause*",)),
    ("E27", "limits: maxConcurrency, perConcurrencyKey, ratePerSecond, maxLiveJobs", ("conformance/*limit*::*",)),
    ("E28", "labels", ("conformance/*::*label*",)),
    (
        "E29",
        "results: small in the store, large as artifacts; gone when the job is pruned",
        ("engine/*::*result*", "unit/engine/*::*result*"),
    ),
    ("E30", "retention and pruning", ("conformance/*prune*::*",)),
    ("E31", "stats and the conservation check", ("conformance/*stats*::*", "conformance/*::*conserv*")),
)

API: tuple[Row, ...] = (
    ("A1", "jobs, batch, actions, queues, workers, stats", ("api/*::*",)),
    ("A2", "RFC 9457 errors with stable codes", ("api/*::*problem*",)),
    ("A3", "cursors", ("api/*::*cursor*",)),
    ("A4", "`Idempotency-Key`", ("api/*::*idempoten*",)),
    ("A5", "limits of body and depth", ("api/*::*too_large*", "api/*::*depth*", "api/*::*deep*")),
    ("A6", "long poll and event stream", ("api/*::*wait*", "api/*::*event*")),
    ("A7", "`/healthz`, `/readyz`, `/metrics`", ("api/*::*ready*", "api/*::*metrics*")),
    ("A8", "OpenAPI 3.1, held against the running api by schemathesis", ("api/*schema*::*",)),
    ("A9", "tokens with scopes", ("api/*::*scope*", "api/*::*token*")),
    ("A10", "open only on loopback; Host and Origin checked", ("api/*::*origin*", "api/*::*host*")),
    ("A11", "a graceful stop loses no acknowledged call and lapses no lease", ("*::*graceful*",)),
    ("A12", "the plain curl calls of the README", ("meta/test_readme.py::*",)),
)

PROTOCOL: tuple[Row, ...] = (
    ("P1", "both carriers, the same session", ("gateway/*::*",)),
    ("P2", "TLS by settings", ("gateway/*::*tls*",)),
    ("P3", "version negotiation", ("gateway/*::*version*",)),
    ("P4", "size limits", ("gateway/*::*oversized*", "gateway/*::*too_large*")),
    ("P5", "slow or hostile peers cannot hurt others", ("gateway/*::*slow*", "gateway/*::*hostile*")),
    ("P6", "a worker in shell and curl runs a job to the end", ("gateway/*::*shell*", "gateway/*::*polyglot*")),
    ("P7", "the documented examples are literally what is spoken", ("gateway/*::*document*",)),
)

WORKER: tuple[Row, ...] = (
    ("W1", "async, thread, process and command executors", ("worker/*executor*::*",)),
    (
        "W2",
        "a child is killed on time-out; a crash is told from an exception",
        ("worker/*::*crash*", "worker/*::*signal*"),
    ),
    ("W3", "heartbeats while user code holds the GIL", ("worker/*::*gil*", "worker/*::*blocks*")),
    ("W4", "self-kill when the lease deadline passes", ("worker/*::*deadline*", "worker/*::*self_kill*")),
    ("W5", "prefetch hands back what it does not start", ("worker/*::*hand*back*", "worker/*::*prefetch*")),
    (
        "W6",
        "cancellation reaches tasks of every kind; a timed-out thread keeps its slot",
        ("worker/*::*cancel*", "worker/*::*thread*"),
    ),
    ("W7", "logs per attempt, capped, in chunks", ("worker/*::*log*",)),
    ("W8", "`Context.submit`", ("worker/*::*submit*",)),
    ("W9", "drain on SIGTERM, a second one hurries", ("worker/*::*drain*",)),
    ("W10", "reconnect with jitter and resume", ("worker/*::*reconnect*", "worker/*::*resume*")),
    ("W11", "metrics and health", ("worker/*::*metrics*",)),
    ("W12", "what a live worker imported after 100 jobs", ("*::*sys_modules*", "*::*imported*")),
)

SDK: tuple[Row, ...] = (
    ("C1", "typed payloads: dataclass, pydantic model, plain arguments", ("unit/sdk/*::*payload*",)),
    ("C2", "`taskjob.testing`", ("*::*testing*", "unit/sdk/*test*ing*::*")),
    ("C3", "`taskjob dev`: reload without interruption, --reset, taken port, second dev", ("cli/*dev*::*",)),
    ("C4", "apply, get, describe, logs, submit, wait, cancel, rerun", ("cli/*::*",)),
    ("C5", "pause, resume, dlq, stats, token, completion", ("cli/*::*",)),
    ("C6", "explain answers for every cause", ("*::*explain*",)),
    (
        "C7",
        "server and token by flag, environment or config file",
        ("cli/*::*config*", "client/*::*target*", "cli/*::*target*"),
    ),
    ("C8", "exit codes; errors say what to do next; plain when piped", ("cli/*::*exit*", "cli/*::*error*")),
    ("C9", "the client retries what may be retried, by key", ("client/*::*",)),
)

EXAMPLES: tuple[Row, ...] = (
    ("X1", "examples/simple_task.py", ("*::*simple_task*",)),
    (
        "X2",
        "examples/thumbnails: real photographs, broken ones end as dead letters with the real error",
        ("make demo", "meta/test_examples.py::*thumbnail*"),
    ),
    ("X3", "examples/jobs/*.yaml are valid and fresh", ("meta/test_examples.py::*jobs*",)),
    ("X4", "benchmarks beside floors and peers", ("make bench",)),
    ("X5", "kills and power cuts, judged from outside", ("make chaos",)),
    ("X6", "every comparison of a fencing token is needed", ("make mutants",)),
)

BAD_INPUT: tuple[Row, ...] = (
    ("I1", "unknown task", ("*::*unknown_task*", "*::*no_worker*")),
    ("I2", "unknown queue", ("*::*unknown_queue*", "*::*queue_not_found*")),
    (
        "I3",
        "payload too large or no object",
        ("*::*payload*too_large*", "*::*payload*object*", "*::*too_large*payload*"),
    ),
    ("I4", "wrong types", ("*::*wrong_type*", "unit/spec/*::*type*")),
    ("I5", "NaN", ("*::*nan*",)),
    ("I6", "integers beyond ±2^53", ("*::*integer*", "*::*2_53*")),
    ("I7", "deep nesting", ("*::*nest*", "*::*depth*", "*::*deep*")),
    ("I8", "a batch over its limit and the largest legal one", ("*::*batch*",)),
    ("I9", "one key with two payloads", ("*::*conflict*",)),
    ("I10", "stale and forged lease ids", ("*::*stale*", "*::*forged*")),
    ("I11", "truncated and oversized frames", ("*::*truncated*", "*::*oversized*")),
    ("I12", "wrong protocol version", ("*::*protocol_version*", "gateway/*::*version*")),
    ("I13", "expired tokens", ("*::*expired_token*", "*::*token*expire*")),
    ("I14", "wrong content type and origin", ("*::*content_type*", "*::*origin*")),
    ("I15", "disk full", ("*::*disk_full*", "*::*full_disk*")),
    ("I16", "a corrupt or locked database file", ("*::*corrupt*", "*::*locked*")),
    ("I17", "a clock that jumps", ("*::*clock*jump*", "*::*jump*")),
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
    ("G5", "fast recovery", ("*::test_g5_*",)),
    ("G6", "idempotent submit", ("*::test_g6_*",)),
    ("G7", "conservation", ("*::test_g7_*", "make chaos")),
    (
        "G8",
        "what the engine owes the operator: one job per key, owners, the dirty set",
        ("conformance/test_changes.py::*",),
    ),
    ("G9", "said openly: what is not promised", ("*::test_g9_*",)),
)
