"""Which call a path names, who may make it, and how its body is read: strictly, within bounds, before anything acts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from taskjob.errors import InvalidError, NotFoundError
from taskjob.wire.operator_messages import (
    MAX_REQUEST_BYTES,
    DisownJobs,
    EndPods,
    EnsureJobs,
    EnsureQueues,
    ReadChanges,
    ReadManagedQueues,
    ReadOwned,
    ReadQueueNumbers,
    ReportOrphans,
)
from taskjob_api.auth import Caller
from taskjob_api.gateway.doomed import Doomed
from taskjob_api.http import Receive, Scope, Send, read_body, require_json, send_json
from taskjob_api.lifetime import Lifetime
from taskjob_api.operator_door.changes import read_changes
from taskjob_api.operator_door.disown import disown_jobs
from taskjob_api.operator_door.ensure import ensure_jobs
from taskjob_api.operator_door.orphans import Orphans
from taskjob_api.operator_door.pods import end_pods
from taskjob_api.operator_door.queues import ensure_queues, read_managed_queues, read_queue_numbers
from taskjob_api.operator_door.sweep import read_owned, report_orphans
from taskjob_api.problems import MethodNotAllowedError
from taskjob_api.settings import ApiSettings
from taskjob_engine.engine import Engine

PREFIX = "/operator/v1/"

_PATH_IN_MESSAGE = re.compile(r" - at `\$([^`]*)`\Z")
_PART = re.compile(r"\.([A-Za-z]+)|\[(\d+|\.\.\.)\]")
_encode = msgspec.json.Encoder().encode


class Call(NamedTuple):
    decode: Callable[[bytes], Any]
    answer: Callable[[Any], Awaitable[msgspec.Struct]]


class OperatorDoor:
    """A bare ASGI application for paths under `PREFIX`; the caller stands in `scope["state"]`."""

    def __init__(
        self, engine: Engine, settings: ApiSettings, lifetime: Lifetime, orphans: Orphans, doomed: Doomed
    ) -> None:
        self._seconds = settings.request_seconds
        self._calls: dict[str, Call] = {
            "jobs/ensure": _call(EnsureJobs, lambda request: ensure_jobs(engine, request)),
            "jobs/disown": _call(DisownJobs, lambda request: disown_jobs(engine, request)),
            "jobs/changes": _call(ReadChanges, lambda request: read_changes(engine, lifetime, request)),
            "jobs/owned": _call(ReadOwned, lambda request: read_owned(engine, request)),
            "orphans": _call(ReportOrphans, lambda request: report_orphans(engine, orphans, request)),
            "queues/ensure": _call(EnsureQueues, lambda request: ensure_queues(engine, request)),
            "queues/managed": _call(ReadManagedQueues, lambda request: read_managed_queues(engine, request)),
            "queues/numbers": _call(ReadQueueNumbers, lambda request: read_queue_numbers(engine, request)),
            "pods/ended": _call(EndPods, lambda request: end_pods(engine, doomed, request)),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller = scope["state"]["caller"]
        caller.require_operator()
        call = self._calls.get(scope["path"].removeprefix(PREFIX))
        if call is None:
            raise NotFoundError("no such call", hint="docs/reference/operator-protocol.md has them all")
        if scope["method"] != "POST":
            raise _use_post()
        require_json(scope)
        body = await read_body(scope, receive, limit=MAX_REQUEST_BYTES, seconds=self._seconds)
        reply = await call.answer(call.decode(body))
        await send_json(send, 200, _encode(reply), scope["state"]["request_id"])


def _call(kind: type[msgspec.Struct], answer: Callable[[Any], Awaitable[msgspec.Struct]]) -> Call:
    decoder = msgspec.json.Decoder(kind)

    def decode(body: bytes) -> Any:
        try:
            return decoder.decode(body)
        except RecursionError:
            raise InvalidError("nested too deep") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _problem(str(error)) from None

    return Call(decode, answer)


def _use_post() -> MethodNotAllowedError:
    error = MethodNotAllowedError("use POST")
    error.allowed = "POST"
    return error


def _problem(text: str) -> InvalidError:
    """Msgspec's words, its path as a JSON pointer."""
    found = _PATH_IN_MESSAGE.search(text)
    if found is None:
        return InvalidError(f"not a request of this call: {text}")
    field = "".join("/" + (name or number) for name, number in _PART.findall(found[1]))
    return InvalidError(text[: found.start()], field=field)
