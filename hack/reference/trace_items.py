"""What has to be shown of the features of this release.

Each row is (id, what, patterns). A pattern is a glob over `path::test` below tests/, or a make target.
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
    (
        "H8",
        "`pip install -e .`, then examples/simple_task.py runs or names the extra",
        ("*::*simple_task*", "meta/test_examples.py::*simple*", "cli/test_imports.py::*extra_is_named"),
    ),
    ("H9", "coverage is held to its limits in every component", ("meta/test_coverage_gate.py::*",)),
    ("H10", "a test that cannot run fails on CI", ("meta/test_skips.py::*",)),
)

VOCABULARY: tuple[Row, ...] = (
    (
        "V1",
        "unknown fields are refused, the nearest known name suggested",
        ("unit/spec/test_documents.py::test_a_wrong_value_is_named*", "api/test_bad_input.py::test_a_bad_document*"),
    ),
    (
        "V2",
        "the same document by REST, laptop and custom resource",
        (
            "unit/spec/test_documents.py::test_the_documents_of_the_design_are_read",
            "unit/spec/test_fast_document.py::*",
            "cli/test_transcripts.py::*custom_resource",
            "meta/test_examples.py::test_the_jobs_are_valid_documents",
        ),
    ),
    (
        "V3",
        "one error root with stable codes, round trip through the problem document",
        ("*::*round_trip*", "*::*every_error_code*", "api/test_bad_input.py::*are_problems_too"),
    ),
    (
        "V4",
        "fields of later features are refused with NotYetSupported",
        (
            "unit/spec/test_documents.py::*later_fields*",
            "unit/spec/test_documents.py::*needs_a_cluster*",
            "unit/spec/test_documents.py::*schedule_is_refused*",
            "api/test_bad_input.py::*cannot_do_yet*",
        ),
    ),
    (
        "V5",
        "wire messages and their session machine, without I/O",
        (
            "gateway/test_exchange.py::*",
            "gateway/test_resume.py::*",
            "worker/test_cut_starts.py::*",
            "unit/*session*::*",
        ),
    ),
)

ENGINE: tuple[Row, ...] = (
    (
        "E1",
        "life cycle: pure, one place, bounded",
        ("unit/engine/lifecycle/*::*", "conformance/test_retry.py::*", "make verify"),
    ),
    ("E2", "one conformance suite over memory and SQLite", ("conformance/*::*",)),
    (
        "E3",
        "the state machine drives each store against the oracle",
        ("conformance/test_state_machine.py::*",),
    ),
    (
        "E4",
        "SQLite: settings read back; weaker ones refused",
        (
            "integration/sqlite/*::*durab*",
            "integration/sqlite/*::*weak*",
            "integration/sqlite/*::*settings*",
            "integration/durability/*::*",
        ),
    ),
    (
        "E5",
        "SQLite: group commit; a bad row spoils no stranger's",
        ("conformance/test_flush.py::*", "integration/sqlite/*::*flush*", "integration/sqlite/*::*commit*"),
    ),
    (
        "E6",
        "SQLite: versioned migrations; a newer schema is refused",
        ("integration/sqlite/*::*schema*", "integration/sqlite/*::*migrat*"),
    ),
    ("E7", "SQLite: a second process is refused", ("integration/sqlite/*::*second*", "integration/sqlite/*::*own*")),
    ("E8", "SQLite: a network file system is refused", ("integration/sqlite/*::*network*",)),
    ("E9", "SQLite: log and file stay bounded under churn", ("integration/sqlite/*::*bounded*",)),
    (
        "E10",
        "SQLite: back-up while running",
        ("meta/test_operations.py::*backup*", "integration/sqlite/*::*backup*"),
    ),
    ("E11", "submit: single, batch, idempotency key", ("conformance/test_submit.py::*",)),
    ("E12", "rank with ageing", ("conformance/test_order.py::*",)),
    ("E13", "delayed start", ("conformance/test_promote.py::*delayed*", "engine/test_engine.py::*delayed*")),
    (
        "E14",
        "retry with exponential back-off and jitter",
        ("conformance/test_retry.py::test_a_failed_attempt_backs_off*", "unit/engine/lifecycle/*::*back*off*"),
    ),
    ("E15", "non-retryable errors", ("conformance/test_retry.py::*non_retryable*",)),
    (
        "E16",
        "`Retry`, `Snooze`, `Cancel` raised by a task",
        (
            "worker/test_executors.py::*signals*",
            "worker/test_executors.py::*snooze*",
            "conformance/test_retry.py::*snooze*",
            "conformance/test_retry.py::test_the_workers_delay*",
            "conformance/test_retry.py::*cancel_its_own*",
        ),
    ),
    (
        "E17",
        "attempt time-out and job deadline",
        ("conformance/test_deadline.py::*", "conformance/test_expire.py::*over_its_time*"),
    ),
    ("E18", "cancel of waiting and running jobs", ("conformance/test_cancel.py::*",)),
    ("E19", "suspend and resume", ("conformance/test_suspend.py::*",)),
    (
        "E20",
        "progress and checkpoint",
        (
            "conformance/test_sessions.py::*checkpoint*",
            "conformance/test_retry.py::*checkpoint*",
            "worker/test_executors.py::*checkpoint*",
        ),
    ),
    (
        "E21",
        "attempt history",
        (
            "conformance/test_retry.py::*history*",
            "conformance/test_settle.py::*history*",
            "conformance/test_rerun.py::*history*",
        ),
    ),
    ("E22", "sessions, epochs, heartbeats", ("conformance/test_sessions.py::*",)),
    ("E23", "expiry with hold-off", ("engine/test_holdoff_scenarios.py::*", "unit/engine/test_holdoff.py::*")),
    ("E24", "the suspect rule", ("conformance/test_expire.py::*suspect*", "worker/test_faults.py::*poison*")),
    (
        "E25",
        "dead letters: inspect, rerun one and many, purge",
        ("conformance/test_rerun.py::*", "engine/test_bulk.py::*", "cli/test_commands.py::*dlq*"),
    ),
    (
        "E26",
        "pause and resume of a queue",
        (
            "conformance/test_queues.py::*pause*",
            "conformance/test_lease.py::*paused*",
            "conformance/test_promote.py::*pause*",
        ),
    ),
    (
        "E27",
        "limits: maxConcurrency, perConcurrencyKey, ratePerSecond, maxLiveJobs",
        (
            "conformance/test_lease.py::*queue_concurrency*",
            "conformance/test_permits.py::test_never_more*",
            "conformance/test_rate.py::*",
            "conformance/test_submit.py::*quota*",
        ),
    ),
    (
        "E28",
        "labels",
        ("conformance/test_query.py::test_each_condition*", "conformance/test_submit.py::*everything_it_was_given"),
    ),
    (
        "E29",
        "results: small in the store, large as artifacts; gone when the job is pruned",
        ("engine/test_results.py::*",),
    ),
    ("E30", "retention and pruning", ("conformance/test_prune.py::*", "conformance/test_suspend.py::*retention*")),
    ("E31", "stats and the conservation check", ("conformance/test_stats_conservation.py::*",)),
)

API: tuple[Row, ...] = (
    ("A1", "jobs, batch, actions, queues, workers, stats", ("api/test_schemathesis.py::*", "client/test_client.py::*")),
    ("A2", "RFC 9457 errors with stable codes", ("api/test_bad_input.py::*problem*", "api/*::*problem*")),
    (
        "A3",
        "cursors",
        ("conformance/test_query.py::*cursor*", "conformance/test_query.py::*pages*", "client/test_client.py::*page*"),
    ),
    ("A4", "`Idempotency-Key`", ("api/*::*idempoten*", "client/test_client.py::*key*")),
    (
        "A5",
        "limits of body and depth",
        (
            "api/test_bad_input.py::*depth*",
            "api/test_bad_input.py::*payload_size*",
            "api/test_bad_input.py::*above_the_limit*",
        ),
    ),
    ("A6", "long poll and event stream", ("engine/test_waiting.py::*", "api/*::*wait*", "api/*::*event*")),
    (
        "A7",
        "`/healthz`, `/readyz`, `/metrics`",
        ("api/*::*ready*", "api/*::*health*", "engine/test_engine.py::*metrics*", "unit/engine/test_telemetry.py::*"),
    ),
    ("A8", "OpenAPI 3.1, held against the running api by schemathesis", ("api/test_schemathesis.py::*",)),
    ("A9", "tokens with scopes", ("api/*::*scope*", "api/*::*token*", "gateway/test_refusals.py::TestAuthorization*")),
    ("A10", "open only on loopback; Host and Origin checked", ("api/*::*origin*", "api/*::*host*")),
    (
        "A11",
        "a graceful stop loses no acknowledged call and lapses no lease",
        (
            "*::*graceful*",
            "gateway/test_rollout.py::*",
            "gateway/test_resume.py::*api_restart*",
            "worker/test_faults.py::*api_restart*",
            "gateway/test_http_door.py::*stop*",
        ),
    ),
    (
        "A13",
        "artifacts of a job: its result and logs, with sizes and links",
        ("engine/test_holdings.py::*", "api/test_jobs.py::*artifacts*"),
    ),
    ("A12", "the plain curl calls of the README", ("meta/test_readme.py::*",)),
)

PROTOCOL: tuple[Row, ...] = (
    ("P1", "both carriers, the same session", ("gateway/test_exchange.py::*",)),
    ("P2", "TLS by settings", ("gateway/test_hostile_tcp.py::TestTls*",)),
    ("P3", "version negotiation", ("gateway/test_refusals.py::*version*",)),
    (
        "P4",
        "size limits",
        (
            "gateway/test_hostile_tcp.py::*over_the_limit*",
            "gateway/test_exchange.py::*oversized*",
            "gateway/test_refusals.py::*out_of_bounds*",
        ),
    ),
    ("P5", "slow or hostile peers cannot hurt others", ("gateway/test_hostile_tcp.py::*",)),
    ("P6", "a worker in shell and curl runs a job to the end", ("gateway/test_polyglot.py::*",)),
    ("P7", "the documented examples are literally what is spoken", ("gateway/test_protocol_page.py::*",)),
)

WORKER: tuple[Row, ...] = (
    ("W1", "async, thread, process and command executors", ("worker/test_executors.py::*",)),
    (
        "W2",
        "a child is killed on time-out; a crash is told from an exception",
        (
            "worker/test_executors.py::*crash*",
            "worker/test_executors.py::*time_out*",
            "worker/test_executors.py::*killed*",
        ),
    ),
    ("W3", "heartbeats while user code holds the GIL", ("worker/test_faults.py::*stops_the_interpreter*",)),
    (
        "W4",
        "self-kill when the lease deadline passes",
        ("worker/test_faults.py::*stalled*", "worker/test_faults.py::*before_the_leases_lapse*"),
    ),
    ("W5", "prefetch hands back what it does not start", ("worker/test_faults.py::*prefetched*",)),
    (
        "W6",
        "cancellation reaches tasks of every kind; a timed-out thread keeps its slot",
        (
            "worker/test_executors.py::*cancelled*",
            "worker/test_faults.py::*timed_out_thread*",
            "worker/test_executors.py::*ignores_sigterm*",
        ),
    ),
    ("W7", "logs per attempt, capped, in chunks", ("worker/test_executors.py::*log*", "engine/test_logs.py::*")),
    ("W8", "`Context.submit`", ("worker/test_executors.py::*submits*",)),
    (
        "W9",
        "drain on SIGTERM, a second one hurries; outcomes wait for an api that is away, within the time to drain",
        ("worker/test_faults.py::*drain*", "worker/test_faults.py::*second_signal*", "worker/test_draining.py::*"),
    ),
    (
        "W10",
        "reconnect with jitter and resume",
        ("gateway/test_connections.py::*", "worker/test_faults.py::*api_restart*", "unit/*::*reconnect*"),
    ),
    ("W11", "metrics and health", ("worker/*::*metrics*", "unit/worker/*::*metrics*", "unit/*::*healthz*")),
    (
        "W12",
        "what a live worker imported after 100 jobs",
        ("*::*sys_modules*", "*::*imports_nothing*", "*::*imported*", "client/test_exports.py::*brings_neither*"),
    ),
)

SDK: tuple[Row, ...] = (
    ("C1", "typed payloads: dataclass, pydantic model, plain arguments", ("unit/sdk/test_payload.py::*",)),
    ("C2", "`taskjob.testing`", ("*testing*::*",)),
    ("C3", "`taskjob dev`: reload without interruption, --reset, taken port, second dev", ("cli/*dev*::*",)),
    (
        "C4",
        "apply, get, describe, logs, submit, wait, cancel, rerun",
        ("cli/test_commands.py::*", "cli/test_apply.py::*", "cli/test_transcripts.py::*"),
    ),
    (
        "C5",
        "pause, resume, dlq, stats, token, completion",
        (
            "cli/test_commands.py::*pause*",
            "cli/test_commands.py::*dlq*",
            "cli/test_commands.py::*stats*",
            "cli/test_commands.py::*token*",
            "cli/test_commands.py::*completion*",
        ),
    ),
    (
        "C6",
        "explain answers for every cause",
        (
            "engine/test_explaining.py::*",
            "unit/engine/policies/test_explain.py::*",
            "cli/test_transcripts.py::*explain*",
        ),
    ),
    (
        "C7",
        "server and token by flag, environment or config file",
        ("client/test_target.py::*",),
    ),
    (
        "C8",
        "exit codes; errors say what to do next; plain when piped",
        ("cli/test_exit_codes.py::*", "cli/test_commands.py::*colour*"),
    ),
    (
        "C9",
        "the client retries what may be retried, by key",
        ("client/*::*again*", "client/*::*retr*", "client/test_client.py::*same_key*"),
    ),
)

EXAMPLES: tuple[Row, ...] = (
    ("X1", "examples/simple_task.py", ("*::*simple_task*", "*simple_task*::*")),
    (
        "X2",
        "examples/thumbnails: real photographs, broken ones end as dead letters with the real error",
        ("make demo", "meta/test_examples.py::*thumbnail*", "meta/test_readme.py::*"),
    ),
    ("X3", "examples/jobs/*.yaml are valid and fresh", ("meta/test_examples.py::*jobs*",)),
    ("X4", "benchmarks beside floors and peers", ("make bench",)),
    (
        "X5",
        "kills and power cuts, judged from outside",
        (
            "make chaos",
            "chaos/test_chaos_slice.py::*",
            "chaos/test_verdicts.py::*",
            "integration/sqlite/test_power_cut.py::*",
        ),
    ),
    ("X6", "every comparison of a fencing token is needed", ("make mutants",)),
)
