"""What a custom resource may mirror of a job: all of it but what is large or somebody's secret."""

from __future__ import annotations

import msgspec

from taskjob.model import Job
from taskjob.spec.keys import chosen_key
from taskjob.wire.operator_messages import MAX_MIRRORED_RESULT_BYTES

_NO_PAYLOAD = next(field.default for field in msgspec.structs.fields(Job) if field.name == "payload")


def snapshot(job: Job) -> Job:
    result = job.result
    if result is not None and len(bytes(result)) > MAX_MIRRORED_RESULT_BYTES:
        result = None
    error = job.last_error
    if error is not None and error.traceback is not None:
        error = msgspec.structs.replace(error, traceback=None)
    return msgspec.structs.replace(
        job,
        payload=_NO_PAYLOAD,
        checkpoint=None,
        result=result,
        last_error=error,
        idempotency_key=chosen_key(job.idempotency_key),
    )
