"""Lapses: dead workers' leases, attempts over their time, jobs past their deadline. Pauses during hold-off."""

from __future__ import annotations

from taskjob.errors import OutcomeUnknownError, UnavailableError
from taskjob_engine.holdoff import HoldOff
from taskjob_engine.maintenance.due import due_in_seconds
from taskjob_engine.maintenance.rounds import Step
from taskjob_engine.store import JobStore
from taskjob_engine.telemetry import Recorder


class Expire:
    name = "expire"

    def __init__(
        self, store: JobStore, holdoff: HoldOff, recorder: Recorder, *, batch: int, pause_seconds: float
    ) -> None:
        self._store = store
        self._holdoff = holdoff
        self._recorder = recorder
        self._batch = batch
        self.pause_seconds = pause_seconds

    async def step(self) -> Step:
        as_of = self._store.now()
        held = self._holdoff.remaining_seconds()
        if held > 0:
            return Step(due_in=held)
        try:
            skipped = self._holdoff.skipped_seconds()
            with self._holdoff.timing():
                done = await self._store.expire(self._batch, as_of=as_of, skipped_seconds=skipped)
            self._recorder.expired(done)
            worked = bool(done.lapsed or done.released or done.timed_out or done.deadlines or done.sessions)
            return Step(worked=worked, more=done.more, due_in=await due_in_seconds(self._store))
        except (UnavailableError, OutcomeUnknownError):
            # The workers could not be heard either.
            self._holdoff.outage()
            raise
