"""What people ask of single jobs: the verbs cancel, rerun, amend, disown, purge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.state import JobState, State, phase_of
from taskjob_engine.policies.ownership import is_same_object
from taskjob_engine.store import Amendment, Changed, Disowning, JobRef, Rerun
from taskjob_engine.stores.sqlite import bodies, permits
from taskjob_engine.stores.sqlite.retention import remove
from taskjob_engine.stores.sqlite.rows import Loaded, json_text, read_owner
from taskjob_engine.stores.sqlite.transaction import FreshJobs, Transaction

_NOT_FOUND = Changed(outcome="not_found")


def cancel(tx: Transaction, items: Sequence[JobRef]) -> list[Changed]:
    return _each(tx, items, lambda loaded: _cancel(tx, loaded))


def rerun(tx: Transaction, items: Sequence[Rerun]) -> list[Changed]:
    jobs = FreshJobs(tx, [item.ref.id for item in items])
    return [_rerun(tx, jobs.get(item.ref.id, item.ref.namespace), item.request_id) for item in items]


def amend(tx: Transaction, items: Sequence[Amendment]) -> list[Changed]:
    jobs = FreshJobs(tx, [item.ref.id for item in items])
    return [_amend(tx, jobs.get(item.ref.id, item.ref.namespace), item) for item in items]


def disown(tx: Transaction, items: Sequence[Disowning]) -> list[Changed]:
    jobs = FreshJobs(tx, [item.ref.id for item in items])
    return [_disown(tx, jobs.get(item.ref.id, item.ref.namespace), item) for item in items]


def purge(tx: Transaction, items: Sequence[JobRef]) -> list[Changed]:
    def one(loaded: Loaded) -> Changed:
        if not loaded.job.state.is_terminal:
            return _told("refused", loaded.job, reason="NotFinished")
        remove(tx, [loaded])
        return _told("changed", loaded.job)

    return _each(tx, items, one)


def _each(tx: Transaction, items: Sequence[JobRef], one: Callable[[Loaded], Changed]) -> list[Changed]:
    jobs = FreshJobs(tx, [item.id for item in items])
    found = (jobs.get(item.id, item.namespace) for item in items)
    return [_NOT_FOUND if loaded is None else one(loaded) for loaded in found]


def _cancel(tx: Transaction, loaded: Loaded) -> Changed:
    if loaded.job.state in {State.COMPLETED, State.DEAD_LETTER}:
        return _told("refused", loaded.job, reason="Finished")
    return _keep(tx, loaded, transitions.request_cancel(loaded.job, now=tx.now))


def _rerun(tx: Transaction, loaded: Loaded | None, request_id: str) -> Changed:
    if loaded is None:
        return _NOT_FOUND
    known = tx.select("SELECT run FROM rerun_request WHERE job_pk = ? AND request_id = ?", (loaded.pk, request_id))
    if known:
        return _told("unchanged", loaded.job, run=known[0][0])
    after = transitions.rerun(loaded.job, now=tx.now)
    if after is None:
        return _told("refused", loaded.job, reason="NotFinished")
    tx.connection.execute("INSERT INTO rerun_request VALUES (?, ?, ?)", (loaded.pk, request_id, after.run))
    tx.connection.execute("UPDATE job SET progress = NULL, result_ref = NULL WHERE pk = ?", (loaded.pk,))
    bodies.delete(tx.connection, [loaded.pk], ("checkpoint", "result"))
    return _keep(tx, loaded, after)


def _amend(tx: Transaction, loaded: Loaded | None, item: Amendment) -> Changed:
    if loaded is None:
        return _NOT_FOUND
    after = transitions.amend(
        loaded.job,
        now=tx.now,
        priority=item.priority,
        suspend=item.suspend,
        ttl_seconds_after_finished=item.ttl_seconds_after_finished,
        ttl_seconds_after_failed=item.ttl_seconds_after_failed,
    )
    owner = loaded.owner if item.owner is None else json_text(item.owner)
    if owner != loaded.owner:
        tx.connection.execute("UPDATE job SET owner = ? WHERE pk = ?", (owner, loaded.pk))
        loaded = loaded._replace(owner=owner)
        after = after or transitions.reported(loaded.job)
    return _keep(tx, loaded, after)


def _disown(tx: Transaction, loaded: Loaded | None, item: Disowning) -> Changed:
    if loaded is None or not is_same_object(read_owner(loaded.owner), item.owner):
        return _NOT_FOUND
    if item.heir is None:
        return _cancel(tx, loaded)
    return _amend(tx, loaded, Amendment(ref=item.ref, owner=item.heir))


def _keep(tx: Transaction, loaded: Loaded, after: JobState | None) -> Changed:
    if after is None:
        return _told("unchanged", loaded.job)
    return _told("changed", permits.keep(tx, loaded, after))


def _told(
    outcome: Literal["changed", "unchanged", "refused"],
    job: JobState,
    *,
    reason: str | None = None,
    run: int | None = None,
) -> Changed:
    return Changed(
        outcome=outcome,
        phase=phase_of(job.state, job.reason, job.started_at),
        reason=reason,
        run=job.run if run is None else run,
    )
