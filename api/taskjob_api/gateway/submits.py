"""Jobs that a task submits: each document is read by itself, and the good ones are accepted together."""

from __future__ import annotations

from taskjob.errors import TaskJobError
from taskjob.wire.messages import Submit, Submitted, SubmitVerdict
from taskjob_api.gateway.authentication import DocumentReader, Principal
from taskjob_engine.engine import Engine
from taskjob_engine.store import Submission


async def submit_jobs(
    engine: Engine, documents: DocumentReader, message: Submit, *, namespace: str, principal: Principal
) -> Submitted:
    """A verdict per item, in order; a bad document, or one for a queue that is not the principal's, is `rejected` and
    spoils no other. Raises what `Engine.submit` and `Principal.may_submit` raise."""
    read = [_read(documents, bytes(item), namespace) for item in message.items]
    queues = {item.queue for item in read if isinstance(item, Submission)}
    closed = {queue for queue in queues if not await principal.may_submit(namespace, queue)}
    read = [_closed(item) if isinstance(item, Submission) and item.queue in closed else item for item in read]
    accepted = [item for item in read if isinstance(item, Submission)]
    answers = iter(await engine.submit(accepted) if accepted else [])
    verdicts: list[SubmitVerdict] = []
    for item in read:
        if isinstance(item, SubmitVerdict):
            verdicts.append(item)
        else:
            told = next(answers)
            verdicts.append(SubmitVerdict(outcome=told.outcome, id=told.id, code=told.code, detail=told.detail))
    return Submitted(request=message.request, verdicts=tuple(verdicts))


def _read(documents: DocumentReader, document: bytes, namespace: str) -> Submission | SubmitVerdict:
    try:
        return documents.read(document, namespace=namespace)
    except TaskJobError as error:
        return SubmitVerdict(outcome="rejected", code=error.code, detail=error.detail, field=error.field)


def _closed(item: Submission) -> SubmitVerdict:
    detail = f"this worker may not submit to queue {item.queue!r} of namespace {item.namespace!r}"
    return SubmitVerdict(outcome="rejected", code="Forbidden", detail=detail, field="/queue")
