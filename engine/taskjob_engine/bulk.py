"""One action on many jobs: a preview that freezes what is meant, then bounded steps over exactly that.

Nothing is stored: the token carries the filter with its cut in time, and where the next step goes on. A step that is
sent again changes nothing a second time. Whether the caller may act in the namespace is decided above.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from taskjob.errors import InvalidError
from taskjob.model import Job, Phase
from taskjob_engine.store import Changed, JobFilter, JobRef, JobStore, Rerun

COUNTED_UP_TO = 100_000
STEP = 200


class BulkAction(StrEnum):
    CANCEL = "cancel"
    RERUN = "rerun"
    PURGE = "purge"


class Preview(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`count` jobs match now (`at_least` where more than can be counted cheaply). Give `token` to `execute`."""

    action: BulkAction
    count: int
    at_least: bool
    token: str


class BulkStep(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one step did. `skipped` jobs had moved on since the preview. `token` continues; None: all is done."""

    changed: int
    skipped: int
    token: str | None


class _Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    action: BulkAction
    where: JobFilter
    request: str
    cursor: str | None = None


_LIVE = tuple(phase for phase in Phase if not phase.is_terminal)


async def preview(store: JobStore, where: JobFilter, action: BulkAction) -> Preview:
    """Count what the action would touch. Cancel touches live jobs; rerun and purge dead letters unless the filter
    names other finished phases. Jobs made (or finished) after this moment are not meant."""
    where = _cut(where, action, store.now())
    count = await store.count(where, limit=COUNTED_UP_TO)
    request = hashlib.sha256(msgspec.json.encode(where) + action.encode()).hexdigest()[:32]
    snapshot = _Snapshot(action=action, where=where, request=request)
    return Preview(action=action, count=count, at_least=count >= COUNTED_UP_TO, token=_encode(snapshot))


async def execute(store: JobStore, namespace: str, token: str) -> BulkStep:
    """Act on the next jobs of the snapshot, newest first; at most `STEP` of them."""
    snapshot = _decode(token)
    if snapshot.where.namespace != namespace:
        raise InvalidError("the token belongs to another namespace", field="/token")
    page = await store.jobs(snapshot.where, limit=STEP, cursor=snapshot.cursor)
    verdicts = await _act(store, snapshot, page.jobs) if page.jobs else []
    changed = sum(verdict.outcome == "changed" for verdict in verdicts)
    following = None if page.cursor is None else _encode(msgspec.structs.replace(snapshot, cursor=page.cursor))
    return BulkStep(changed=changed, skipped=len(verdicts) - changed, token=following)


async def _act(store: JobStore, snapshot: _Snapshot, jobs: Sequence[Job]) -> list[Changed]:
    refs = [JobRef(namespace=job.namespace, id=job.id) for job in jobs]
    match snapshot.action:
        case BulkAction.CANCEL:
            return await store.cancel(refs)
        case BulkAction.RERUN:
            # One request id for the whole action: a step sent twice starts no second run.
            return await store.rerun([Rerun(ref=ref, request_id=f"bulk/{snapshot.request}") for ref in refs])
        case BulkAction.PURGE:
            return await store.purge(refs)


def _cut(where: JobFilter, action: BulkAction, now: int) -> JobFilter:
    terminal = action is not BulkAction.CANCEL
    phases = where.phases or ((Phase.DEAD_LETTER,) if terminal else _LIVE)
    wrong = [phase for phase in phases if phase.is_terminal is not terminal]
    if wrong:
        kind = "finished" if terminal else "unfinished"
        raise InvalidError(f"{action} acts on {kind} jobs, not on {wrong[0]} ones", field="/filter/phase")
    created = now if where.created_before is None else min(where.created_before, now)
    finished = now if where.finished_before is None else min(where.finished_before, now)
    return msgspec.structs.replace(
        where, phases=phases, created_before=created, finished_before=finished if terminal else where.finished_before
    )


def _encode(snapshot: _Snapshot) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(snapshot)).decode().rstrip("=")


def _decode(token: str) -> _Snapshot:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=_Snapshot)
    except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError) as error:
        raise InvalidError(
            "the token is none of ours", field="/token", hint="ask for a preview and send its token unchanged"
        ) from error
