"""One HTTP exchange that waits for work: sink of the dispatcher and outlet of its session while it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from taskjob.errors import TaskJobError, UnavailableError
from taskjob.wire.messages import Update
from taskjob_api.gateway.live import LiveSession
from taskjob_api.gateway.service import WorkerGateway
from taskjob_engine.store import Granted

LATE_SECONDS = 1.0
"""A lease call that is under way when the wait is over may still answer within this."""


class Poll:
    """Ends with the first grants, order or refusal, or when its time is over. Grants that come after its end are
    not taken: they come again with the same seq, or are released by what the worker holds with the next one."""

    def __init__(self, live: LiveSession, service: WorkerGateway, *, seq: int, patient: bool) -> None:
        self._live = live
        self._service = service
        self._seq = seq
        self._patient = patient
        self._parked = False
        self._closed = False
        self._found: Update | None = None
        self._failed: TaskJobError | None = None
        self._over = asyncio.Event()

    def ask(self, want: int) -> None:
        self._parked = True
        self._service.parking.wait_for_jobs(self._live, want, self._seq, self)

    def hurry(self) -> None:
        """The worker has to hear something else: wait no longer than for a lease call that is under way."""
        self._patient = False
        if not self._service.parking.wait_no_more(self._live, self):
            self._over.set()

    def deny(self, error: TaskJobError) -> None:
        """The caller may not have what it waits for: the wait is over, and grants are not taken."""
        self._closed = True
        if self._found is None:
            self._failed = error
        self._over.set()

    async def ended(self, seconds: float, receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> bool:
        """Wait. False: the client is gone."""
        gone = asyncio.ensure_future(receive())
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait(
                [gone, over], timeout=seconds if self._patient else LATE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not self._over.is_set() and not gone.done() and self._service.parking.wait_no_more(self._live, self):
                self._patient = False
                await asyncio.wait([gone, over], timeout=LATE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            return self._over.is_set() or not gone.done()
        finally:
            gone.cancel()
            over.cancel()

    def complete(self, answer: Update) -> Update:
        """The answer with what came while waiting. Raises `UnavailableError` where that is not known, or
        what `deny` was told."""
        if self._failed is not None:
            raise self._failed
        found = self._found
        if found is None:
            return answer
        return msgspec.structs.replace(
            answer, jobs=found.jobs, cancel=answer.cancel + found.cancel, renewed=answer.renewed and found.renewed
        )

    def close(self) -> None:
        self._closed = True
        self._service.parking.wait_no_more(self._live, self)

    # ---- sink

    def granted(self, grants: tuple[Granted, ...]) -> bool:
        if self._closed or self._found is not None:
            return False
        self._found = Update(jobs=self._live.take(grants))
        self._over.set()
        return True

    def nothing(self) -> None:
        if not self._patient:
            self._over.set()

    def refused(self, reason: str) -> None:
        if reason == "OutcomeUnknown":
            self._failed = UnavailableError("whether jobs were leased is not known; send the exchange again")
        else:
            self._found = Update(renewed=False)
        self._over.set()

    # ---- outlet

    def push(self, update: Update) -> bool:
        if self._closed or self._found is not None:
            return False
        self._found = update
        self._over.set()
        return True

    def goaway(self, reason: str, after_seconds: float) -> None:  # noqa: ARG002 - an HTTP worker comes back anyway
        self._over.set()
