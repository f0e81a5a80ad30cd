"""An api that answers the operator protocol as a test says: for what a real one does once in a blue moon."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from aiohttp import web
from own_thread import Site, running

from taskjob.model import Job, Phase, new_job_id
from taskjob.wire import operator_messages as wire
from taskjob_operator.replies import ToldJob

AT = 1_800_000_000_000_000


class ScriptedDoor:
    """Each TaskJob gets a job that is queued. `verdict` may say otherwise, `refuse` refuses whole calls (status and
    code); `change` tells news of a job, which are told again until acknowledged."""

    def __init__(self) -> None:
        self.incarnation = "life-1"
        self.jobs: dict[str, Job] = {}
        self.told: list[list[wire.DeclaredJob]] = []
        self.acknowledged: list[tuple[str, int]] = []
        self.disowned: list[wire.DisownedJob] = []
        self.managed: tuple[tuple[str, str], ...] = ()
        self.queues: list[wire.DeclaredQueue] = []
        self.tokens: list[str | None] = []
        self.verdict: Callable[[wire.DeclaredJob], wire.EnsuredJob | None] = lambda _: None
        self.refuse: Callable[[str, Any], tuple[int, str] | None] = lambda _path, _request: None
        self._rows: dict[str, wire.ChangedJob] = {}
        self._versions = 0
        self.url = ""

    def change(self, uid: str, phase: Phase | None, **fields: Any) -> str:
        """The job of this object is in this phase now; None: it was pruned. Its id."""
        before = self.jobs[uid]
        after = None
        if phase is not None:
            after = msgspec.structs.replace(before, phase=phase, revision=before.revision + 1, **fields)
            self.jobs[uid] = after
        self._versions += 1
        assert before.owner is not None
        self._rows[before.id] = wire.ChangedJob(owner=before.owner, job_id=before.id, version=self._versions, job=after)
        return before.id

    def uid_of(self, name: str) -> str:
        return next(uid for uid, job in self.jobs.items() if job.owner is not None and job.owner.name == name)

    def times_told(self, name: str) -> int:
        return sum(one.owner.name == name for batch in self.told for one in batch)

    async def _answer(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization"))
        path = request.path.removeprefix("/operator/v1/")
        body = await request.read()
        kinds = {
            "jobs/ensure": (wire.EnsureJobs, self._ensure),
            "jobs/disown": (wire.DisownJobs, self._disown),
            "jobs/changes": (wire.ReadChanges, self._changes),
            "jobs/owned": (wire.ReadOwned, self._owned),
            "orphans": (wire.ReportOrphans, lambda _: wire.OrphansReported(confirmed=False)),
            "queues/managed": (wire.ReadManagedQueues, lambda _: wire.ManagedQueues(queues=self.managed)),
            "queues/ensure": (wire.EnsureQueues, self._ensure_queues),
            "queues/numbers": (wire.ReadQueueNumbers, lambda _: wire.QueueNumbersRead(now=AT, queues=())),
        }
        kind, answer = kinds[path]
        asked = msgspec.json.decode(body, type=kind)
        if (refusal := self.refuse(path, asked)) is not None:
            status, code = refusal
            return web.json_response({"code": code, "detail": "as the test says"}, status=status)
        if path == "jobs/changes" and not self._rows and asked.wait_seconds:
            await asyncio.sleep(0.05)
        return web.Response(body=msgspec.json.encode(answer(asked)), content_type="application/json")

    def _ensure(self, request: wire.EnsureJobs) -> wire.JobsEnsured:
        self.told.append(list(request.jobs))
        return wire.JobsEnsured(incarnation=self.incarnation, jobs=tuple(map(self._one, request.jobs)))

    def _one(self, declared: wire.DeclaredJob) -> wire.EnsuredJob:
        if (scripted := self.verdict(declared)) is not None:
            return scripted
        owner = declared.owner
        job = self.jobs.setdefault(
            owner.uid,
            ToldJob(
                id=new_job_id(),
                namespace=owner.namespace,
                queue="default",
                task="any",
                owner=owner,
                phase=Phase.QUEUED,
                reason="Queued",  # type: ignore[arg-type]
                created_at=AT,
            ),
        )
        return wire.EnsuredJob(outcome="owned", job=job)

    def _ensure_queues(self, request: wire.EnsureQueues) -> wire.QueuesEnsured:
        self.queues.extend(request.queues)
        return wire.QueuesEnsured(queues=tuple(wire.EnsuredQueue(outcome="ensured") for _ in request.queues))

    def _disown(self, request: wire.DisownJobs) -> wire.JobsDisowned:
        self.disowned.extend(request.jobs)
        return wire.JobsDisowned(outcomes=("cancelled",) * len(request.jobs))

    def _changes(self, request: wire.ReadChanges) -> wire.JobsChanged:
        for job, version in request.ack:
            if job in self._rows and self._rows[job].version == version:
                del self._rows[job]
                self.acknowledged.append((job, version))
        return wire.JobsChanged(incarnation=self.incarnation, changes=tuple(self._rows.values())[: request.limit])

    def _owned(self, _: wire.ReadOwned) -> wire.OwnedJobs:
        live = [
            wire.OwnedJob(job=job.id, owner=job.owner, created_at=AT)
            for job in self.jobs.values()
            if job.owner is not None and not job.phase.is_terminal
        ]
        return wire.OwnedJobs(now=AT, jobs=tuple(live))

    @contextlib.contextmanager
    def running(self) -> Iterator[ScriptedDoor]:
        """In a thread of its own."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        with running(Site(app)) as site:
            self.url = site.url
            yield self
