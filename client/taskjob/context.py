"""What a running task may know and say: its `Context`.

The context is handed to a parameter annotated `Context`. It holds no connection: everything it says goes
through a `Port`, which the worker, a child process and `taskjob.testing` each fill in their own way.
All members may be used from any thread of the task.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from taskjob.errors import InvalidError, TooLargeError
from taskjob.wire.json_values import MAX_VALUE_DEPTH, is_too_deep
from taskjob.wire.messages import MAX_CHECKPOINT_BYTES

if TYPE_CHECKING:
    from taskjob.decorator import Task

MAX_PROGRESS_CHARACTERS = 128


class Port(Protocol):
    """Where a context's words go. Methods may be called from any thread and must not block, but for `submit`."""

    def log(self, text: str) -> None: ...
    def progress(self, text: str) -> None: ...
    def checkpoint(self, raw: bytes) -> None: ...
    def submit(self, document: dict[str, Any]) -> str:
        """Submit and wait; the id of the job. Raises `TaskJobError`."""
        ...

    async def asubmit(self, document: dict[str, Any]) -> str: ...


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is fixed for one delivery. `deadline` is on this machine's monotonic clock, None without a time-out."""

    job_id: str
    task: str
    queue: str = "default"
    run: int = 0
    attempt: int = 1
    delivery: int = 1
    labels: dict[str, str] = {}
    deadline: float | None = None
    checkpoint: bytes | None = None


class Context:
    """One delivery of one job, as its task sees it."""

    __slots__ = ("_calls", "_facts", "_port", "_saved", "cancelled")

    def __init__(self, facts: Facts, port: Port) -> None:
        self._facts = facts
        self._port = port
        self._saved = facts.checkpoint
        self._calls = 0
        self.cancelled = threading.Event()
        """Set when the job should stop (cancel, time-out, drain): poll `is_set()` or `wait(seconds)` in long
        loops of a thread. An async task gets `asyncio.CancelledError` besides."""

    @property
    def job_id(self) -> str:
        return self._facts.job_id

    @property
    def run(self) -> int:
        """0 for the first life of the job, one more for each rerun."""
        return self._facts.run

    @property
    def attempt(self) -> int:
        """The number this attempt has if it is charged, from 1."""
        return self._facts.attempt

    @property
    def delivery(self) -> int:
        """Counts every time this run was handed to a worker, from 1; interruptions included."""
        return self._facts.delivery

    @property
    def labels(self) -> dict[str, str]:
        return dict(self._facts.labels)

    def time_left(self) -> float:
        """Seconds until the attempt times out; infinite without a time-out, never negative."""
        if self._facts.deadline is None:
            return float("inf")
        return max(0.0, self._facts.deadline - time.monotonic())

    def log(self, message: object, *arguments: object) -> None:
        """Append a line to the attempt's log; `%`-style arguments as in `logging`."""
        text = str(message) % arguments if arguments else str(message)
        self._port.log(text if text.endswith("\n") else text + "\n")

    def progress(self, done: float | str, total: float | None = None) -> None:
        """Show how far the task is: `progress(341, 1000)` or any short text (≤ 128 characters kept)."""
        text = str(done) if total is None else f"{done}/{total}"
        self._port.progress(text[:MAX_PROGRESS_CHARACTERS])

    @property
    def checkpoint(self) -> Any:
        """The JSON value saved last, by this delivery or an earlier one; None if there is none.

        Assigning saves it (≤ 64 KiB, else `TooLargeError`; ≤ 100 levels, else `InvalidError`): the next delivery
        begins with it.
        """
        return None if self._saved is None else msgspec.json.decode(self._saved)

    @checkpoint.setter
    def checkpoint(self, value: Any) -> None:
        raw = msgspec.json.encode(value)
        if len(raw) > MAX_CHECKPOINT_BYTES:
            raise TooLargeError(
                f"a checkpoint holds at most {MAX_CHECKPOINT_BYTES} bytes of JSON, this one has {len(raw)}",
                hint="keep large state elsewhere and only its place in the checkpoint",
            )
        if is_too_deep(raw):
            raise InvalidError(f"a checkpoint is nested at most {MAX_VALUE_DEPTH} levels deep", hint="flatten it")
        self._saved = raw
        self._port.checkpoint(raw)

    def submit(self, task: Task[..., Any] | str, payload: Any = None, /, **options: Any) -> str:
        """Submit a job in the same namespace and wait until it is durable; its id. In async tasks: `asubmit`.

        The idempotency key is derived from (job, run, number of the call): an attempt that runs again and calls
        in the same order makes no second job. Options as in `Task.submit`.
        """
        return self._port.submit(self._document(task, payload, options))

    async def asubmit(self, task: Task[..., Any] | str, payload: Any = None, /, **options: Any) -> str:
        return await self._port.asubmit(self._document(task, payload, options))

    def _document(self, task: Task[..., Any] | str, payload: Any, options: dict[str, Any]) -> dict[str, Any]:
        self._calls += 1
        options.setdefault("idempotency_key", f"{self._facts.job_id}/{self._facts.run}/{self._calls}")
        if isinstance(task, str):
            from taskjob.decorator import job_document  # noqa: PLC0415 - a task's module imports this one

            return job_document(task, {} if payload is None else payload, **options)
        return task.document(payload, **options)
