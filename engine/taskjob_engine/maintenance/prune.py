"""Retention: finished jobs past their time go, and then their artifacts, which the store names until they are gone."""

from __future__ import annotations

import logging

from taskjob.errors import TaskJobError
from taskjob_engine.artifacts import ArtifactStore
from taskjob_engine.maintenance.rounds import Step
from taskjob_engine.store import Garbage, JobStore
from taskjob_engine.telemetry import Recorder

log = logging.getLogger(__name__)


class Prune:
    name = "prune"

    def __init__(
        self, store: JobStore, artifacts: ArtifactStore, recorder: Recorder, *, batch: int, pause_seconds: float
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._recorder = recorder
        self._batch = batch
        self._swept: list[int] = []
        self.pause_seconds = pause_seconds

    async def step(self) -> Step:
        """Deleting artifacts twice is harmless, so what was swept is acknowledged only by the next step."""
        done = await self._store.prune(self._batch, tuple(self._swept))
        self._swept.clear()
        self._recorder.pruned(done.jobs)
        for garbage in done.garbage:
            await self._sweep(garbage)
        return Step(worked=done.jobs > 0, more=done.more or bool(self._swept))

    async def _sweep(self, garbage: Garbage) -> None:
        """One prefix that cannot be deleted must not keep the others."""
        try:
            await self._artifacts.delete_prefix(garbage.prefix)
        except TaskJobError as error:
            log.warning("the artifacts under %s stay for now: %s", garbage.prefix, error.detail)
        else:
            self._swept.append(garbage.id)
