"""Keeps one api and one worker running, and replaces the worker when the code or the set of queues changes.

A replacement costs no job an interruption: the new worker is started first; once the api knows it, the old one is
asked to drain: it takes no more work, finishes what it began, and hands back what it did not begin.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from taskjob.cli.dev.console import Console
from taskjob.cli.dev.process import Child
from taskjob.cli.dev.source import Source
from taskjob.client import AsyncClient
from taskjob.client.views import WorkerView
from taskjob.errors import TaskJobError

START_SECONDS = 30.0
"""How long a child may take until the api knows it."""

NAME = "dev-"
"""What the names of our workers begin with."""

RETIRE_SECONDS = 5.0
"""How long an old worker may take to say that it drains."""

QUEUE_POLL_SECONDS = 1.0
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 10.0
HEALTHY_SECONDS = 30.0
"""A child that ran so long starts with a fresh back-off when it dies."""

SIGNALS_APART_SECONDS = 0.5
"""Two equal signals at once are one to the kernel."""

HURRIED_SECONDS = 12.0
"""A worker that is told twice gives its tasks a grace of five seconds, then hands back what still runs."""

DRAIN_SECONDS = 3600
"""A worker that was replaced may finish its jobs for so long; a stop hurries it."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: settings of one `taskjob dev`, resolved."""

    url: str
    gateway: str
    source: Source
    api_command: tuple[str, ...]
    concurrency: int
    stop_seconds: float


class NotStartedError(TaskJobError):
    """A child ended, or said nothing, before it was ready."""

    code = "NotStarted"
    title = "A part of `taskjob dev` did not start"


class Supervisor:
    def __init__(self, plan: Plan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._client = AsyncClient(plan.url, namespace="default", retries=0)
        self._api: Child | None = None
        self._worker: Child | None = None
        self._retiring: set[Child] = set()
        self._reaping: set[asyncio.Task[None]] = set()
        self._queues: tuple[str, ...] = ("default",)
        self._generation = 0
        self._changed = asyncio.Event()
        """Set where the worker should be replaced: code or queues."""
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> WorkerView | None:
        """Api, then worker; what the api knows of the worker, or None if its module does not load.

        Raises `NotStartedError` if the api does not come up.
        """
        await self._start_api()
        self._queues = await self._known_queues()
        # Before the code is loaded: a save while the worker starts is not missed.
        self._watching = asyncio.create_task(self._follow_code(), name="code")
        return await self._replace_worker()

    async def run(self) -> None:
        """Watch over the children until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_api())
            group.create_task(self._keep_worker())
            group.create_task(self._follow_queues())
            if self._watching is not None:
                group.create_task(_end_of(self._watching))

    async def stop(self, hurry: asyncio.Event) -> None:
        """Drain the workers, then end the api. `hurry` cuts the draining short."""
        workers = [child for child in (self._worker, *self._retiring) if child is not None and child.running]
        for worker in workers:
            worker.ask_to_stop()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        draining = asyncio.gather(*(self._drained(worker, hurry) for worker in workers))
        await draining
        if self._api is not None and self._api.running:
            await self._api.stop(10.0)
        await self._client.close()

    # ------------------------------------------------------------------------------------------------- the api

    async def _start_api(self) -> None:
        self._api = await Child.start("api", self._plan.api_command, environment={}, console=self._console)
        await self._until(self._api, self._api_ready)

    async def _api_ready(self) -> bool:
        with suppress(TaskJobError):
            await self._client.stats()
            return True
        return False

    async def _keep_api(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            began = time.monotonic()
            assert self._api is not None
            how = await self._api.exited()
            backoff = FIRST_BACKOFF_SECONDS if time.monotonic() - began > HEALTHY_SECONDS else backoff
            self._console.say(f"the api stopped ({how}); starting it again in {backoff:g} s. No accepted job is lost.")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
            with suppress(NotStartedError):  # its own exit is seen at the head of the loop
                await self._start_api()

    # ---------------------------------------------------------------------------------------------- the worker

    async def _replace_worker(self) -> WorkerView | None:
        """Start a worker; once it is known, retire the old one. None: it did not start, and the old one stays."""
        self._generation += 1
        name = f"{NAME}{self._generation}"
        child = await Child.start(
            "worker" if self._generation == 1 else f"worker-{self._generation}",
            self._worker_command(name),
            environment={"PYTHONPATH": self._plan.source.import_path()},
            console=self._console,
        )
        known: list[WorkerView] = []

        async def connected() -> bool:
            with suppress(TaskJobError):
                known.extend(one for one in await self._client.workers() if one.name == name and not one.closed)
            return bool(known)

        try:
            await self._until(child, connected)
        except NotStartedError:
            child.kill()
            return None
        except asyncio.CancelledError:
            child.kill()
            raise
        former, self._worker = self._worker, child
        if former is not None and former.running:
            self._retire(former)
            await self._until_only(name)
        return known[0]

    async def _until_only(self, name: str) -> None:
        """Until no other worker of ours is given jobs, so that who reads `reloaded` gets the new code. One that cannot
        say that it drains is not waited for."""
        end = time.monotonic() + RETIRE_SECONDS
        while time.monotonic() < end:
            with suppress(TaskJobError):
                ours = [one for one in await self._client.workers() if one.name.startswith(NAME) and one.name != name]
                if all(one.draining or one.closed for one in ours):
                    return
            await asyncio.sleep(0.05)

    def _worker_command(self, name: str) -> tuple[str, ...]:
        plan = self._plan
        queues = (word for queue in self._queues for word in ("--queue", queue))
        return (
            *("worker", plan.source.module, "--gateway", plan.gateway, "--name", name, *queues),
            *("--concurrency", str(plan.concurrency), "--drain-seconds", str(DRAIN_SECONDS), "--metrics-port", "0"),
        )

    def _retire(self, child: Child) -> None:
        child.ask_to_stop()
        self._retiring.add(child)

        async def reap() -> None:
            await child.exited()
            self._retiring.discard(child)

        task = asyncio.create_task(reap())
        self._reaping.add(task)
        task.add_done_callback(self._reaping.discard)

    async def _keep_worker(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            began = time.monotonic()
            how = await self._exit_or_change()
            if how is None:
                await self._reload()
                continue
            backoff = FIRST_BACKOFF_SECONDS if time.monotonic() - began > HEALTHY_SECONDS else backoff
            self._console.say(f"the worker stopped ({how}); starting it again in {backoff:g} s")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
            if await self._replace_worker() is None:
                self._say_does_not_load()

    async def _exit_or_change(self) -> str | None:
        """How the worker ended; None if it should be replaced. Without a worker, a change is all to wait for."""
        change = asyncio.create_task(self._changed.wait())
        waits: set[asyncio.Task[object]] = {change}
        ended = None
        if self._worker is not None and self._worker.running:
            ended = asyncio.create_task(self._worker.exited())
            waits.add(ended)
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        if ended is not None and ended.done() and not ended.cancelled():
            return ended.result()
        self._changed.clear()
        return None

    async def _reload(self) -> None:
        began = time.monotonic()
        worker = await self._replace_worker()
        if worker is None:
            self._say_does_not_load()
            return
        served = f"tasks {', '.join(worker.tasks) or 'none'}; queues {', '.join(worker.queues)}"
        self._console.say(f"reloaded in {time.monotonic() - began:.1f} s: {served}")

    def _say_does_not_load(self) -> None:
        still = (
            "the worker that runs goes on with the old code" if self._worker and self._worker.running else "no worker"
        )
        self._console.say(f"{self._plan.source.shown} does not load (see above); {still}. Mend it and save.")

    # --------------------------------------------------------------------------------------- what to react to

    async def _follow_code(self) -> None:
        folders = self._plan.source.folders()
        if not folders:
            return
        from watchfiles import PythonFilter, awatch  # noqa: PLC0415 - only where there is code to watch

        while True:
            async for changes in awatch(*folders, watch_filter=PythonFilter(), recursive=False, step=100):
                shown = ", ".join(sorted({path.rpartition("/")[2] for _, path in changes}))
                self._console.say(f"{shown} changed: reloading the worker")
                self._changed.set()
                if (now := self._plan.source.folders()) != folders:
                    folders = now
                    break

    async def _follow_queues(self) -> None:
        """A worker names its queues when it registers; here a queue exists from its first job on."""
        while True:
            await asyncio.sleep(QUEUE_POLL_SECONDS)
            with suppress(TaskJobError):
                known = await self._known_queues()
                if fresh := [queue for queue in known if queue not in self._queues]:
                    self._queues = known
                    self._console.say(f"queue {', '.join(fresh)} is new: a worker that serves it takes over")
                    self._changed.set()

    async def _known_queues(self) -> tuple[str, ...]:
        return tuple(sorted({"default", *(queue.name for queue in await self._client.queues())}))

    # --------------------------------------------------------------------------------------------------- waits

    async def _until(self, child: Child, ready: Callable[[], Awaitable[bool]]) -> None:
        end = time.monotonic() + START_SECONDS
        while not await ready():
            if not child.running:
                raise NotStartedError(f"the {child.who} did not start ({await child.exited()})", hint="see above")
            if time.monotonic() > end:
                raise NotStartedError(f"the {child.who} was not ready after {START_SECONDS:g} s", hint="see above")
            await asyncio.sleep(0.05)

    async def _drained(self, worker: Child, hurry: asyncio.Event) -> None:
        """Ended by itself, by a second SIGTERM when hurried or late, by SIGKILL last."""
        ended = asyncio.create_task(worker.exited())
        hurried = asyncio.create_task(hurry.wait())
        done, _ = await asyncio.wait(
            {ended, hurried}, timeout=self._plan.stop_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        hurried.cancel()
        if ended not in done:
            self._console.say(f"{worker.who} still runs jobs: handing them back")
            await asyncio.sleep(SIGNALS_APART_SECONDS)
            await worker.stop(HURRIED_SECONDS)
        await ended


async def _end_of(task: asyncio.Task[None]) -> None:
    await task
