"""What mirrors ask of one owner scope: the verb `changes`, its dirty set, told until each version is acknowledged, and
the verb `owned`, its live jobs."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from taskjob_engine.store import DirtyJob, OwnedJob
from taskjob_engine.stores.sqlite import reading
from taskjob_engine.stores.sqlite.rows import read_owner
from taskjob_engine.stores.sqlite.transaction import Transaction

# The words of the index job_owned.
_OWNED = """
SELECT id, owner, created_at FROM job INDEXED BY job_owned
WHERE owner IS NOT NULL AND state IN ('waiting', 'ready', 'leased') AND owner ->> 'clusterId' = ? AND id > ?
ORDER BY id LIMIT ?
"""


def acknowledge(tx: Transaction, cluster_id: str, ack: Sequence[tuple[str, int]]) -> None:
    """Forget each row that still has the version which was seen."""
    tx.connection.executemany(
        "DELETE FROM dirty WHERE job_id = ? AND version = ? AND cluster_id = ?",
        [(job, version, cluster_id) for job, version in ack],
    )


def owned(connection: sqlite3.Connection, cluster_id: str, *, after: str | None, limit: int) -> list[OwnedJob]:
    rows = connection.execute(_OWNED, (cluster_id, after or "", limit)).fetchall()
    owners = ((job, read_owner(owner), created_at) for job, owner, created_at in rows)
    return [OwnedJob(id=job, owner=owner, created_at=at) for job, owner, at in owners if owner is not None]


def changes(connection: sqlite3.Connection, cluster_id: str, limit: int) -> list[DirtyJob]:
    rows = connection.execute(
        "SELECT job_id, owner, version FROM dirty WHERE cluster_id = ? ORDER BY version, job_id LIMIT ?",
        (cluster_id, limit),
    ).fetchall()
    jobs = reading.jobs_by_id(connection, [row[0] for row in rows])
    told = []
    for job_id, text, version in rows:
        owner = read_owner(text)
        assert owner is not None
        told.append(DirtyJob(owner=owner, job_id=job_id, job=jobs.get(job_id), version=version))
    return told
