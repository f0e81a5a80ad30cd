"""The common valid job document, read without pydantic: a mirror of `JobDocument` for the hot submit routes.

It only ever says yes or "ask pydantic": what it accepts means the same there (a test proves it over generated
documents), and every refusal is written by `taskjob.spec`, so that errors have one source.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from taskjob.spec.keys import RESERVED_PREFIX
from taskjob.spec.limits import MAX_PAYLOAD_BYTES, surely_within_limits
from taskjob.spec.strict import INT32_MAX
from taskjob.spec.times import check_time

Count = Annotated[int, Meta(ge=1, le=INT32_MAX)]
Retention = Annotated[int, Meta(ge=0, le=INT32_MAX)]
Key = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"\A[^\x00-\x1f\x7f]+\Z")]
TaskName = Annotated[str, Meta(max_length=128, pattern=r"\A[A-Za-z_][A-Za-z0-9_.:-]*\Z")]
QueueName = Annotated[str, Meta(max_length=40, pattern=r"\A[a-z]([-a-z0-9]*[a-z0-9])?\Z")]
# Names narrower than the document's: what has a dot or a prefix goes the long way.
ObjectName = Annotated[str, Meta(max_length=63, pattern=r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")]
Label = Annotated[str, Meta(max_length=63, pattern=r"\A[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")]


class FastBackoff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    initial_seconds: Annotated[int, Meta(ge=0, le=86_400)] | None = None
    multiplier: Annotated[int, Meta(ge=1, le=10)] | None = None
    max_seconds: Annotated[int, Meta(ge=1, le=86_400)] | None = None
    jitter_percent: Annotated[int, Meta(ge=0, le=100)] | None = None


class FastRetry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    max_attempts: Annotated[int, Meta(ge=1, le=100)] | None = None
    max_lost: Annotated[int, Meta(ge=0, le=100)] | None = None
    backoff: FastBackoff | None = None
    non_retryable: Annotated[list[Key], Meta(max_length=32)] | None = None


class FastDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    queue: QueueName = "default"
    task: TaskName | None = None
    payload: msgspec.Raw = msgspec.Raw(b"{}")  # not `Raw | None`: msgspec refuses an object there
    name: ObjectName | None = None
    labels: Annotated[dict[Label, Label], Meta(max_length=32)] | None = None
    priority: Annotated[int, Meta(ge=-1000, le=1000)] | None = None
    start_after: str | None = None
    retry: FastRetry | None = None
    timeout_seconds: Annotated[int, Meta(ge=1, le=604_800)] | None = None
    active_deadline_seconds: Count | None = None
    idempotency_key: Key | None = None
    concurrency_key: Key | None = None
    suspend: bool | None = None
    ttl_seconds_after_finished: Retention | None = None
    ttl_seconds_after_failed: Retention | None = None


class _TypeOfPayload(msgspec.Struct, frozen=True):
    type: TaskName


_decode = msgspec.json.Decoder(FastDocument).decode
_decode_type = msgspec.json.Decoder(_TypeOfPayload).decode
_MAX_KEYS = 256


def read_fast(document: bytes | msgspec.Raw) -> tuple[FastDocument, str, bytes] | None:
    """The document, its task and its payload as one line of JSON; None where only the long way can tell."""
    try:
        read = _decode(document)
        payload = bytes(read.payload)
        if not _is_plain(payload):
            return None
        task = read.task if read.task is not None else _decode_type(payload).type
        if read.start_after is not None:
            check_time(read.start_after)
    except (ValueError, RecursionError):
        return None
    if read.idempotency_key is not None and read.idempotency_key.startswith(RESERVED_PREFIX):
        return None
    names = read.retry.non_retryable if read.retry is not None else None
    if names is not None and len(set(names)) != len(names):
        return None
    return read, task, payload


def _is_plain(payload: bytes) -> bool:
    """A JSON object that certainly keeps every limit. It stays on one line, for the wire's frames are lines."""
    return (
        payload[:1] == b"{"
        and len(payload) <= MAX_PAYLOAD_BYTES
        and payload.isascii()
        and payload.count(b":") <= _MAX_KEYS
        and surely_within_limits(payload)
    )
