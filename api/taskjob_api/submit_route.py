"""The hot routes: `POST jobs` and `POST jobs/batch` as raw ASGI with msgspec, described in the same OpenAPI.

An answer with 201 is written after the store's flush. When too many submits wait for it, or their bodies are too
large together, further ones are shed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from taskjob.errors import (
    IdempotencyConflictError,
    InvalidError,
    OutcomeUnknownError,
    OverloadedError,
    QuotaExceededError,
    TaskJobError,
    TooLargeError,
)
from taskjob.spec import MAX_BATCH_BYTES, MAX_BATCH_ITEMS, InvalidDocumentError
from taskjob_api.auth import Caller
from taskjob_api.http import MAX_BODY_BYTES, Receive, Scope, Send, header, read_body_within, require_json, send_json
from taskjob_api.job_documents import check_key, decode_json, read_submission
from taskjob_api.rights import Right
from taskjob_api.settings import ApiSettings
from taskjob_api.time_limit import TimeLimit
from taskjob_api.views.submissions import BatchResult, BatchVerdict, SubmittedJob
from taskjob_engine.engine import Engine
from taskjob_engine.store import Submission, Submitted

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BYTES_IN_FLIGHT = 256 * 1024 * 1024
"""Of all submits together, from before a body is read until it is answered."""

_PATH = re.compile(r"/v1/namespaces/([^/]+)/jobs(/batch)?\Z|/jobs\Z")
_encode = msgspec.json.Encoder().encode


def is_submit_path(path: str) -> bool:
    return _PATH.match(path) is not None


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    items: list[msgspec.Raw]


_decode_batch = msgspec.json.Decoder(_Batch).decode


class SubmitRoutes:
    def __init__(self, engine: Engine, settings: ApiSettings) -> None:
        self._engine = engine
        self._time = TimeLimit(settings.request_seconds)
        self._limit = settings.max_submits_in_flight
        self._in_flight = 0
        self._bytes_in_flight = 0

    def match(self, path: str) -> Handler | None:
        """The handler of a POST to `path`, None where it is not ours."""
        found = _PATH.match(path)
        if found is None:
            return None
        return self._batch_in_budget if found[2] else self._single_in_budget

    async def _single_in_budget(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = self._take(scope, MAX_BODY_BYTES)
        try:
            await self._single(scope, receive, send)
        finally:
            self._bytes_in_flight -= taken

    async def _batch_in_budget(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = self._take(scope, MAX_BATCH_BYTES)
        try:
            await self._batch(scope, receive, send)
        finally:
            self._bytes_in_flight -= taken

    def _take(self, scope: Scope, limit: int) -> int:
        """What the body may become. Raises `OverloadedError` before any of it is read."""
        declared = header(scope, b"content-length")
        size = min(int(declared), limit) if declared is not None and declared.isdigit() else limit
        if self._bytes_in_flight + size > MAX_BYTES_IN_FLIGHT:
            raise OverloadedError("the submits under way are too large together", retry_after_seconds=1)
        self._bytes_in_flight += size
        return size

    async def _single(self, scope: Scope, receive: Receive, send: Send) -> None:
        require_json(scope)
        namespace = await _namespace(scope)
        key = header(scope, b"idempotency-key")
        body = await read_body_within(self._time, scope, receive, limit=MAX_BODY_BYTES)
        item = read_submission(body, namespace=namespace, key=None if key is None else check_key(key.decode("latin-1")))
        [verdict] = await self._submit([item])
        if verdict.outcome not in {"created", "existing"}:
            raise _refusal(item, verdict)
        answer = SubmittedJob(
            id=verdict.id,
            namespace=namespace,
            queue=item.queue,
            task=item.task,
            name=item.name,
            outcome="created" if verdict.outcome == "created" else "existing",
        )
        created = verdict.outcome == "created"
        location = f"/v1/namespaces/{namespace}/jobs/{verdict.id}".encode()
        await send_json(
            send,
            201 if created else 200,
            _encode(answer),
            scope["state"]["request_id"],
            [(b"location", location)],
        )

    async def _batch(self, scope: Scope, receive: Receive, send: Send) -> None:
        require_json(scope)
        namespace = await _namespace(scope)
        if header(scope, b"idempotency-key") is not None:
            raise InvalidError(
                "a batch has no key of its own", field="Idempotency-Key", hint="give each item its idempotencyKey"
            )
        body = await read_body_within(self._time, scope, receive, limit=MAX_BATCH_BYTES)
        read = [_read_item(raw, namespace, number) for number, raw in enumerate(_items(body))]
        valid = [item for item in read if isinstance(item, Submission)]
        verdicts = iter(await self._submit(valid) if valid else ())
        result = BatchResult(
            items=[_verdict(item, next(verdicts)) if isinstance(item, Submission) else item for item in read]
        )
        await send_json(send, 200, _encode(result), scope["state"]["request_id"])

    async def _submit(self, items: Sequence[Submission]) -> list[Submitted]:
        if self._in_flight >= self._limit:
            raise OverloadedError("too many submits wait for the store", retry_after_seconds=1)
        self._in_flight += 1
        try:
            with self._time.call():
                return await self._engine.submit(items)
        except TimeoutError:
            raise OutcomeUnknownError(f"the store did not answer within {self._time.seconds:g} s") from None
        finally:
            self._in_flight -= 1


async def _namespace(scope: Scope) -> str:
    caller: Caller = scope["state"]["caller"]
    found = _PATH.match(scope["path"])
    namespace = (found[1] if found is not None else None) or caller.namespace
    await caller.require(Right.SUBMIT, namespace)
    return namespace


def _items(body: bytes) -> list[msgspec.Raw]:
    try:
        items = _decode_batch(body).items
    except msgspec.ValidationError as error:
        raise InvalidError(
            f"expected an object with a list of items: {error}", field="/items", hint='send {"items": [{…}, …]}'
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        decode_json(body)
        raise
    if len(items) > MAX_BATCH_ITEMS:
        raise TooLargeError(
            f"the batch has {len(items)} items; at most {MAX_BATCH_ITEMS} are accepted",
            field="/items",
            hint="send several batches",
        )
    return items


def _read_item(raw: msgspec.Raw, namespace: str, number: int) -> Submission | BatchVerdict:
    try:
        return read_submission(raw, namespace=namespace, field=f"/items/{number}")
    except InvalidError as error:
        detail = error.errors[0].detail if isinstance(error, InvalidDocumentError) else error.detail
        return BatchVerdict(outcome="rejected", code=error.code, detail=detail, field=error.field, hint=error.hint)


def _verdict(item: Submission, verdict: Submitted) -> BatchVerdict:
    if verdict.outcome in {"created", "existing"}:
        return BatchVerdict(outcome=verdict.outcome, id=verdict.id)
    error = _refusal(item, verdict)
    first = verdict.id if verdict.outcome == "conflict" else None
    return BatchVerdict(outcome=verdict.outcome, id=first, code=error.code, detail=error.detail, hint=error.hint)


def _refusal(item: Submission, verdict: Submitted) -> TaskJobError:
    if verdict.outcome == "conflict":
        return IdempotencyConflictError(
            f"the key {item.idempotency_key!r} belongs to job {verdict.id}, submitted with another document",
            field="/idempotencyKey",
            hint="use a new key, or send the same document",
        )
    return QuotaExceededError(
        verdict.detail or f"queue {item.queue!r} accepts no more jobs now",
        field="/queue",
        hint="retry later, or raise limits.maxLiveJobs",
        retry_after_seconds=5,
        reason=verdict.code,
    )
