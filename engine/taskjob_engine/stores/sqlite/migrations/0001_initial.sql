-- The first schema. Enum values are stored as the words of the vocabulary; times are microseconds since the epoch.

CREATE TABLE store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    incarnation TEXT NOT NULL,
    seq INTEGER NOT NULL,
    clock INTEGER NOT NULL
);

-- A queue that jobs name before anybody made it stands here with declared = 0.
CREATE TABLE queue (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    declared INTEGER NOT NULL,
    limits TEXT NOT NULL,
    job_defaults TEXT NOT NULL,
    paused INTEGER NOT NULL,
    paused_by TEXT,
    paused_reason TEXT,
    paused_until INTEGER,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    rate_cell INTEGER NOT NULL DEFAULT 0,
    UNIQUE (namespace, name)
);

CREATE TABLE task (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- NULL in retry, labels or payload means the product's default, or (payload) a body too large to stand in the row.
CREATE TABLE job (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    queue_id INTEGER NOT NULL,
    task_id INTEGER NOT NULL,
    payload TEXT,
    name TEXT,
    labels TEXT,
    retry TEXT,
    idempotency_key TEXT,
    concurrency_key TEXT,
    owner TEXT,
    priority INTEGER NOT NULL,
    timeout_seconds INTEGER NOT NULL,
    active_deadline_seconds INTEGER,
    ttl_seconds_after_finished INTEGER NOT NULL,
    ttl_seconds_after_failed INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    start_after INTEGER,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    suspend INTEGER NOT NULL DEFAULT 0,
    run INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 1,
    attempts INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    interruptions INTEGER NOT NULL DEFAULT 0,
    deliveries INTEGER NOT NULL DEFAULT 0,
    deadline_at INTEGER,
    due_at INTEGER,
    ready_at INTEGER,
    rank INTEGER NOT NULL DEFAULT 0,
    lease_id TEXT,
    lease_seq INTEGER,
    session TEXT,
    worker TEXT,
    leased_at INTEGER,
    started_at INTEGER,
    timeout_at INTEGER,
    finished_at INTEGER,
    expires_at INTEGER,
    cancel_requested_at INTEGER,
    last_error TEXT,
    progress TEXT,
    result_ref TEXT
);
CREATE UNIQUE INDEX job_id ON job (id);
CREATE INDEX job_ready ON job (queue_id, task_id, rank, id, deadline_at) WHERE state = 'ready';
CREATE INDEX job_oldest ON job (queue_id, ready_at) WHERE state = 'ready';
CREATE INDEX job_leased ON job (session, pk) WHERE state = 'leased';
CREATE INDEX job_limited ON job (queue_id, concurrency_key, rank, id) WHERE reason = 'Limited';
CREATE INDEX job_due ON job (due_at) WHERE state = 'waiting' AND due_at IS NOT NULL;
CREATE INDEX job_deadline ON job (deadline_at) WHERE state IN ('waiting', 'ready') AND deadline_at IS NOT NULL;
CREATE INDEX job_timeout ON job (timeout_at) WHERE timeout_at IS NOT NULL;
CREATE INDEX job_expires ON job (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX job_dead_letter ON job (queue_id, id) WHERE state = 'dead_letter';

-- Bodies that would make the hot rows wide.
CREATE TABLE payload (
    job_pk INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);
CREATE TABLE checkpoint (
    job_pk INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);
CREATE TABLE result (
    job_pk INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);

-- One row per ended delivery; the current one is read from its job.
CREATE TABLE attempt (
    job_pk INTEGER NOT NULL,
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,
    lease_id TEXT NOT NULL,
    session TEXT NOT NULL,
    worker TEXT NOT NULL,
    leased_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (job_pk, run, number)
) WITHOUT ROWID;

-- expires_at stays NULL while the job's row exists.
CREATE TABLE idempotency_key (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    job_id TEXT NOT NULL,
    document_hash TEXT NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_key_expires ON idempotency_key (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE rerun_request (
    job_pk INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (job_pk, request_id)
) WITHOUT ROWID;

-- Holders of concurrency keys.
CREATE TABLE permit (
    queue_id INTEGER NOT NULL,
    concurrency_key TEXT NOT NULL,
    job_pk INTEGER NOT NULL,
    PRIMARY KEY (queue_id, concurrency_key, job_pk)
) WITHOUT ROWID;

CREATE TABLE session (
    id TEXT PRIMARY KEY,
    principal TEXT NOT NULL,
    worker TEXT NOT NULL,
    namespace TEXT NOT NULL,
    queues TEXT NOT NULL,
    tasks TEXT NOT NULL,
    slots INTEGER NOT NULL,
    carrier TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    ttl_seconds REAL NOT NULL,
    connected_at INTEGER NOT NULL,
    renewed_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    full_expires_at INTEGER NOT NULL,
    draining INTEGER NOT NULL,
    closed_at INTEGER,
    closed INTEGER NOT NULL,
    last_seq INTEGER,
    incarnation TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_expires ON session (expires_at);

-- Unfolded deltas, one row per flush and touched queue, and their folded sum.
CREATE TABLE ledger (
    seq INTEGER NOT NULL,
    queue_id INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    leased INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    dead_letter INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    purged INTEGER NOT NULL,
    PRIMARY KEY (seq, queue_id)
) WITHOUT ROWID;
CREATE TABLE ledger_total (
    queue_id INTEGER PRIMARY KEY,
    waiting INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    leased INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    dead_letter INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    purged INTEGER NOT NULL
);

-- The dirty set: jobs owned by a custom resource whose mirror has not seen the latest state.
CREATE TABLE dirty (
    job_id TEXT PRIMARY KEY,
    cluster_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    version INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX dirty_scope ON dirty (cluster_id, version);

-- Artifacts of pruned jobs that are still to be deleted.
CREATE TABLE garbage (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    prefix TEXT NOT NULL
);
