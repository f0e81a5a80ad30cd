"""From a caller's JSON to the engine's `Submission`: the one reader behind REST, batches and workers' submits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from taskjob.errors import InvalidError
from taskjob.model import BackoffChoice, RetryChoice, new_job_id, parse_time
from taskjob.spec import JobDocument, Metadata, TaskJobSpec, read_job_document, refuse_later_fields
from taskjob.spec.keys import refuse_reserved_key
from taskjob.spec.retry import BackoffSpec, RetrySpec
from taskjob_api.fast_document import FastBackoff, FastDocument, FastRetry, read_fast
from taskjob_engine.policies.canonical import document_hash
from taskjob_engine.store import Submission

_HEADER_KEY = re.compile(r"[!-~]{1,128}\Z")
_KEY_DECODER = msgspec.json.Decoder(dict[str, Any])
_NO_PART_OF_THE_HASH = frozenset({"idempotencyKey", "name", "labels"})


class JobDocuments:
    """Implements the gateway's `DocumentReader`."""

    def read(self, document: bytes, *, namespace: str) -> Submission:
        """One job document (raw JSON, as in REST). Raises `InvalidError` with code, detail and field."""
        return read_submission(document, namespace=namespace)


def read_submission(
    document: bytes | msgspec.Raw, *, namespace: str, key: str | None = None, field: str = ""
) -> Submission:
    """A valid submission with a fresh id, or the error that says what to mend.

    `key` is the Idempotency-Key header: it may repeat the document's, not contradict it. `field` points at the
    document in what the caller sent.
    """
    fast = read_fast(document)
    if fast is not None:
        read: FastDocument | JobDocument
        read, task, payload = fast
    else:
        raw = decode_json(bytes(document), field)
        refuse_later_fields("TaskJob", raw, field)
        read = read_job_document(raw, field)
        task, payload = read.task or "", msgspec.json.encode(read.payload or {})
    chosen = read.idempotency_key if key is None else _one_key(read.idempotency_key, key, field)
    return _submission(
        read,
        task=task,
        payload=payload,
        namespace=namespace,
        key=chosen,
        digest="" if chosen is None else _hash(_KEY_DECODER.decode(bytes(document)), read.queue, task),
        name=read.name,
        labels=read.labels,
    )


def object_submission(
    read: TaskJobSpec, raw: Mapping[str, Any], *, metadata: Metadata, namespace: str, own_key: str
) -> Submission:
    """The submission of a custom resource, with the hash that the same document has by REST; `raw` is what `read` was
    read from. `own_key` is for a spec that names none: then the key is the whole identity, and what the API server let
    be edited is no conflict."""
    chosen = read.idempotency_key
    return _submission(
        read,
        task=read.task,
        payload=msgspec.json.encode(read.payload or {}),
        namespace=namespace,
        key=own_key if chosen is None else chosen,
        digest="" if chosen is None else _hash(raw, read.queue, read.task),
        name=metadata.name,
        labels=metadata.labels,
    )


def decode_json(body: bytes, field: str = "") -> Any:
    """The JSON value of a body. Raises `InvalidError` that says where it stops being JSON."""
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise InvalidError("nested too deep", field=field or None, hint="flatten the value") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidError(
            f"the body is not JSON: {error}", field=field or None, hint="NaN, comments and single quotes are not JSON"
        ) from None


def check_key(key: str) -> str:
    """The value of an Idempotency-Key header. Raises `InvalidError`."""
    if _HEADER_KEY.match(key) is None:
        raise InvalidError(
            "Idempotency-Key: expected 1 to 128 visible ASCII characters",
            field="Idempotency-Key",
            hint="for example a UUID",
        )
    refuse_reserved_key(key, "Idempotency-Key")
    return key


def _one_key(in_document: str | None, in_header: str, field: str) -> str:
    if in_document in {None, in_header}:
        return in_header
    raise InvalidError(
        "the Idempotency-Key header and idempotencyKey differ",
        field=f"{field}/idempotencyKey",
        hint="send one of them",
    )


def _submission(
    read: FastDocument | JobDocument | TaskJobSpec,
    *,
    task: str,
    payload: bytes,
    namespace: str,
    key: str | None,
    digest: str,
    name: str | None,
    labels: dict[str, str] | None,
) -> Submission:
    return Submission(
        id=new_job_id(),
        namespace=namespace,
        queue=read.queue,
        task=task,
        payload=payload,
        name=name,
        labels=labels or {},
        priority=read.priority or 0,
        start_after=None if read.start_after is None else parse_time(read.start_after.upper()),
        retry=None if read.retry is None else retry_choice(read.retry),
        timeout_seconds=read.timeout_seconds,
        active_deadline_seconds=read.active_deadline_seconds,
        idempotency_key=key,
        document_hash=digest,
        concurrency_key=read.concurrency_key,
        suspend=bool(read.suspend),
        ttl_seconds_after_finished=read.ttl_seconds_after_finished,
        ttl_seconds_after_failed=read.ttl_seconds_after_failed,
    )


def _hash(raw: Mapping[str, Any], queue: str, task: str) -> str:
    """Of what a custom resource has in its spec: queue and task resolved; name and labels are metadata there."""
    spec = {name: value for name, value in raw.items() if name not in _NO_PART_OF_THE_HASH}
    return document_hash({**spec, "queue": queue, "task": task})


def retry_choice(spec: RetrySpec | FastRetry) -> RetryChoice:
    """What the document says, and nothing more: the rest is its queue's and the product's to choose."""
    return RetryChoice(
        max_attempts=spec.max_attempts,
        max_lost=spec.max_lost,
        backoff=None if spec.backoff is None else _backoff_choice(spec.backoff),
        non_retryable=None if spec.non_retryable is None else tuple(spec.non_retryable),
    )


def _backoff_choice(spec: BackoffSpec | FastBackoff) -> BackoffChoice:
    return BackoffChoice(
        initial_seconds=spec.initial_seconds,
        multiplier=spec.multiplier,
        max_seconds=spec.max_seconds,
        jitter_percent=spec.jitter_percent,
    )
