"""Retention: finished jobs past their time go, and then their artifacts, which the store names until they are gone."""

from __future__ import annotations

from collections.abc import Sequence

from taskjob_engine.artifacts import ArtifactStore
from taskjob_engine.maintenance.rounds import Step
from taskjob_engine.store import Garbage, JobStore
from taskjob_engine.telemetry import Recorder


class Prune:
    name = "prune"

    def __init__(
        self, store: JobStore, artifacts: ArtifactStore, recorder: Recorder, *, batch: int, pause_seconds: float
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._recorder = recorder
        self._batch = batch
        self._swept: list[str] = []
        self.pause_seconds = pause_seconds

    async def step(self) -> Step:
        """Deleting artifacts twice is harmless, so what was swept is acknowledged only by the next step."""
        done = await self._store.prune(self._batch, tuple(self._swept))
        self._swept.clear()
        self._recorder.pruned(done.jobs)
        await self._sweep(done.garbage)
        return Step(worked=done.jobs > 0, more=done.more or bool(self._swept))

    async def _sweep(self, garbage: Sequence[Garbage]) -> None:
        """One prefix that cannot be deleted does not keep the others; the store will name it again."""
        if garbage:
            verdicts = await self._artifacts.sweep([item.prefix for item in garbage])
            self._swept = [item.id for item, swept in zip(garbage, verdicts, strict=True) if swept]
