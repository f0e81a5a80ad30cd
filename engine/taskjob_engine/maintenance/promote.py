"""Due times: delays, back-off and snoozes that are over, and pauses that were to end."""

from __future__ import annotations

from taskjob_engine.maintenance.due import due_in_seconds
from taskjob_engine.maintenance.rounds import Step
from taskjob_engine.store import JobStore
from taskjob_engine.telemetry import Recorder


class Promote:
    name = "promote"

    def __init__(self, store: JobStore, recorder: Recorder, *, batch: int, pause_seconds: float) -> None:
        self._store = store
        self._recorder = recorder
        self._batch = batch
        self.pause_seconds = pause_seconds

    async def step(self) -> Step:
        done = await self._store.promote(self._batch)
        self._recorder.promoted(done.promoted)
        return Step(worked=done.promoted > 0, more=done.more, due_in=await due_in_seconds(self._store))
