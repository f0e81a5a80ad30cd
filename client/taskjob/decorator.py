"""`@task`: a plain function with a name under which jobs ask for it.

A task stays callable as the function it wraps. It knows how a job for it is written down (`document`) and how its
payload is read (`binding`); sending is the client's business, running the worker's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

import msgspec

from taskjob.payload import Binding, bind
from taskjob.registry import registry

if TYPE_CHECKING:
    from taskjob.client import AsyncClient, Client

P = ParamSpec("P")
R = TypeVar("R")

Executor = Literal["async", "thread", "process"]
EXECUTORS: tuple[Executor, ...] = ("async", "thread", "process")


class Task(Generic[P, R]):
    """A registered function. Made by `@task`."""

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        queue: str | None = None,
        executor: Executor | None = None,
        timeout_seconds: int | None = None,
        retry: Mapping[str, Any] | None = None,
    ) -> None:
        self.function = function
        self.is_async = inspect.iscoroutinefunction(function)
        self.name = name or function.__name__
        self.queue = queue
        self.executor: Executor = executor or ("async" if self.is_async else "thread")
        self.timeout_seconds = timeout_seconds
        self.retry = dict(retry) if retry is not None else None
        if self.executor not in EXECUTORS:
            raise ValueError(f"task {self.name!r}: executor must be one of {', '.join(EXECUTORS)}")
        if (self.executor == "async") != self.is_async and self.executor != "process":
            kind = "async def" if self.is_async else "def"
            raise ValueError(f"task {self.name!r}: a function written with {kind} cannot run as {self.executor!r}")
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here and now, without a job."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Task {self.name} ({self.executor}) at {self.place}>"

    @property
    def place(self) -> str:
        """Where it is defined, as `file:line`."""
        code = inspect.unwrap(self.function).__code__
        return f"{code.co_filename}:{code.co_firstlineno}"

    @cached_property
    def binding(self) -> Binding:
        """How payloads are read. Raises `TypeError` for a signature that JSON cannot fill."""
        return bind(self.function, self.name)

    def document(self, payload: Any = None, /, **options: Any) -> dict[str, Any]:
        """The job document for `payload`, as REST takes it.

        `payload` is an instance of the task's payload type, a mapping, or nothing; it is validated here
        (`InvalidPayloadError`). `options` are the fields of a job in snake_case (see `job_document`) and win over
        those of `@task`.
        """
        defaults = {"queue": self.queue, "timeout_seconds": self.timeout_seconds, "retry": self.retry}
        chosen = {key: value for key, value in defaults.items() if value is not None} | options
        return job_document(self.name, self.binding.check(payload), **chosen)

    def submit(self, payload: Any = None, /, *, client: Client | None = None, **options: Any) -> Any:
        """Submit a job and return it once it is durable. Without `client`, one is made from the environment."""
        document = self.document(payload, **options)
        if client is not None:
            return client.submit(document)
        from taskjob.client import Client as _Client  # noqa: PLC0415 - workers never need the client

        with _Client() as own:
            return own.submit(document)

    async def asubmit(self, payload: Any = None, /, *, client: AsyncClient | None = None, **options: Any) -> Any:
        document = self.document(payload, **options)
        if client is not None:
            return await client.submit(document)
        from taskjob.client import AsyncClient as _AsyncClient  # noqa: PLC0415 - workers never need the client

        async with _AsyncClient() as own:
            return await own.submit(document)


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(
    *,
    name: str | None = None,
    queue: str | None = None,
    executor: Executor | None = None,
    timeout_seconds: int | None = None,
    retry: Mapping[str, Any] | None = None,
) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Register a function as a task: `@task` or `@task(queue="images", timeout_seconds=60)`.

    `name` is the function's name unless given. `executor` is `async` for `async def` and `thread` for `def` unless
    given; `process` isolates crashes and can be killed. `queue`, `timeout_seconds` and `retry` are defaults for
    jobs submitted through this task object (`build.submit(...)`); `taskjob submit NAME`, documents and other languages
    know the name alone.
    """

    def register(function: Callable[..., Any]) -> Task[..., Any]:
        made = Task(function, **options)
        registry.add(made)
        return made

    if function is not None and not callable(function):
        raise TypeError(f"@task takes its options by keyword: @task(name={function!r})")
    return register if function is None else register(function)


_RENAMED = {"initial_seconds", "max_seconds", "jitter_percent", "max_attempts", "max_lost", "non_retryable"}

FIELDS = frozenset(
    {
        "name",
        "queue",
        "labels",
        "priority",
        "start_after",
        "retry",
        "timeout_seconds",
        "active_deadline_seconds",
        "idempotency_key",
        "concurrency_key",
        "suspend",
        "ttl_seconds_after_finished",
        "ttl_seconds_after_failed",
    }
)


def job_document(task: str, payload: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """A job as REST takes it, from a task's name, its payload and fields in snake_case.

    `start_after` is an aware datetime, a timedelta from now, or RFC 3339 text. A None is left out.
    Raises `TypeError` for an unknown field.
    """
    document: dict[str, Any] = {"task": task, "payload": payload}
    for name, value in options.items():
        if name not in FIELDS:
            raise TypeError(f"unknown job field {name!r}; known: {', '.join(sorted(FIELDS))}")
        if value is None:
            continue
        document[_camel(name)] = _plain(name, value)
    return document


def _plain(name: str, value: Any) -> Any:
    if name == "start_after":
        if isinstance(value, timedelta):
            value = datetime.now(UTC) + value
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError("start_after needs a time zone: datetime.now(UTC) + timedelta(...)")
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return value
    if name == "retry":
        return _camel_keys(msgspec.to_builtins(value))
    return msgspec.to_builtins(value)


def _camel_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {_camel(key) if key in _RENAMED else key: _camel_keys(item) for key, item in value.items()}
    return value


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)
