"""One delivery in this worker: its grant, its context, its log, and whether it was told to stop.

Tasks speak into it from any thread; the worker's loop collects what was said. It decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Protocol

import msgspec

from taskjob.context import Context, Facts
from taskjob.decorator import Task
from taskjob.wire.messages import Grant, LogChunk, Progress
from taskjob_worker.outcome import StopReason

LOG_LIMIT_CHARACTERS = 4 * 1024 * 1024
CHUNK_CHARACTERS = 16 * 1024
"""At most 64 KiB of UTF-8."""

_lock = threading.Lock()

Submit = Callable[[dict[str, Any]], Awaitable[str]]


class Delivery:
    __slots__ = (
        "_checkpoint",
        "_chunks",
        "_context",
        "_log",
        "_logged",
        "_loop",
        "_progress",
        "_submit",
        "command",
        "grant",
        "granted_at",
        "handle",
        "key",
        "kill_at",
        "started_at",
        "stop_reason",
        "task",
    )

    def __init__(self, grant: Grant, task: Task[..., Any] | None, granted_at: float) -> None:
        self.grant = grant
        self.key = (grant.job, grant.lease)
        self.task = task
        """None for a command."""
        self.granted_at = granted_at
        self.started_at = 0.0
        self.stop_reason: StopReason | None = None
        self.kill_at = 0.0
        """When grace is over, once it was told to stop."""
        self.handle: Any = None
        """The executor's own: a slot, a thread, a child process."""
        self._context: Context | None = None
        self._log: list[str] | None = None
        self._logged = 0
        self._chunks = 0
        self._progress: str | None = None
        self._checkpoint: bytes | None = None

    @property
    def deadline(self) -> float | None:
        return self.started_at + self.grant.timeout_seconds if self.grant.timeout_seconds > 0 else None

    # ---- the task's side (any thread)

    def context(self, submit: Submit) -> Context:
        """The context for this delivery's task, made when it is first needed."""
        if self._context is None:
            self._submit = submit
            self._loop = asyncio.get_running_loop()
            self._context = Context(self.facts(), self)
        return self._context

    def facts(self) -> Facts:
        grant = self.grant
        return Facts(
            job_id=grant.job,
            task=grant.task,
            queue=grant.queue,
            run=grant.run,
            attempt=grant.attempt,
            delivery=grant.delivery,
            labels=grant.labels,
            deadline=self.deadline,
            checkpoint=None if grant.checkpoint is msgspec.UNSET else bytes(grant.checkpoint),
        )

    def log(self, text: str) -> None:
        with _lock:
            if self._log is None:
                self._log = []
            if self._logged < LOG_LIMIT_CHARACTERS:
                text = text[: LOG_LIMIT_CHARACTERS - self._logged]
                self._log.append(text)
            self._logged += len(text)

    def progress(self, text: str) -> None:
        with _lock:
            self._progress = text

    def checkpoint(self, raw: bytes) -> None:
        with _lock:
            self._checkpoint = raw

    def submit(self, document: dict[str, Any]) -> str:
        """From a thread: wait for the loop. On the loop itself that would never end, so it is refused."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            raise RuntimeError("in an async task write: await context.asubmit(...)")
        return asyncio.run_coroutine_threadsafe(self.asubmit(document), self._loop).result()

    async def asubmit(self, document: dict[str, Any]) -> str:
        return await self._submit(document)

    # ---- the worker's side

    def stop(self, reason: StopReason, *, kill_at: float) -> None:
        """Remember the first reason (a lost lease overrides) and raise the flag that the task may look at."""
        if self.stop_reason is None or reason is StopReason.LOST:
            self.stop_reason = reason
            self.kill_at = kill_at
        if self._context is not None:
            self._context.cancelled.set()

    def said(self) -> Progress | None:
        """New progress or checkpoint since the last call."""
        if self._progress is None and self._checkpoint is None:
            return None
        with _lock:
            text, self._progress = self._progress, None
            raw, self._checkpoint = self._checkpoint, None
        return Progress(
            job=self.grant.job,
            lease=self.grant.lease,
            progress=text,
            checkpoint=msgspec.UNSET if raw is None else msgspec.Raw(raw),
        )

    def log_chunks(self) -> list[LogChunk]:
        """The log since the last call, cut into chunks."""
        if not self._log:
            return []
        with _lock:
            text = "".join(self._log)
            self._log.clear()
            truncated = self._logged > LOG_LIMIT_CHARACTERS
        pieces = [text[at : at + CHUNK_CHARACTERS] for at in range(0, len(text), CHUNK_CHARACTERS)]
        chunks = [
            LogChunk(
                job=self.grant.job, lease=self.grant.lease, number=self._chunks + index, text=piece, truncated=truncated
            )
            for index, piece in enumerate(pieces)
        ]
        self._chunks += len(chunks)
        return chunks


class Speaker(Protocol):
    """Who takes the log lines of the running code: a delivery, or a child process's link to it."""

    def log(self, text: str) -> None: ...


class Current:
    """A place that says which delivery the running code belongs to; one for each slot and thread."""

    __slots__ = ("delivery",)

    def __init__(self) -> None:
        self.delivery: Speaker | None = None


current: ContextVar[Current] = ContextVar("taskjob_current")


class TaskLogHandler(logging.Handler):
    """Python logging inside a task goes to its attempt's log."""

    def __init__(self) -> None:
        super().__init__()
        line = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        line.converter = time.gmtime
        self.setFormatter(line)

    def emit(self, record: logging.LogRecord) -> None:
        place = current.get(None)
        if place is None or place.delivery is None:
            return
        try:
            place.delivery.log(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - as every logging handler: never break the task
            self.handleError(record)
