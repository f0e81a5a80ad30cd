"""What a TaskJob says while it waits for a worker: that it does, or why its queue can have none."""

from __future__ import annotations

import msgspec

from taskjob.model import Phase, Reason
from taskjob_operator.queues.trouble import Trouble
from taskjob_operator.status.document import MAX_MESSAGE, TaskJobStatus, bounded
from taskjob_operator.status.redact import redacted_line

QUEUED = Phase.QUEUED.pascal
_OF_THE_REASON = frozenset({"Finished", "Reconciling"})


def waits_for_a_worker(queue: str) -> str:
    return f"waits for a worker of queue {queue}: see kubectl get tq {queue}, kubectl taskjob explain"


def reason_of(stoppage: Trouble | None) -> str:
    return Reason.QUEUED.value if stoppage is None else stoppage.reason


def queued(status: TaskJobStatus, queue: str, stoppage: Trouble | None) -> TaskJobStatus:
    """The same status of a job that is Queued, with what stops its queue for a reason."""
    reason = reason_of(stoppage)
    message = waits_for_a_worker(queue)
    if stoppage is not None:
        why = redacted_line(stoppage.shown)
        message = bounded(f"no worker of queue {queue} can start: {why}; see kubectl describe tq {queue}", MAX_MESSAGE)
    conditions = tuple(
        msgspec.structs.replace(one, reason=reason, message=message if one.message else "")
        if one.type in _OF_THE_REASON
        else one
        for one in status.conditions
    )
    return msgspec.structs.replace(status, reason=reason, message=message, conditions=conditions)
