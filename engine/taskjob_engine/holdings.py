"""Which artifacts a job has: its result, wherever it stands, and the log of each delivery.

A listing names things as people know them. Keys stay inside: they hold the hash of a lease.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from taskjob.model import Job
from taskjob_engine.artifacts import ArtifactStore, delivery_of, job_prefix


class JobArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a delivery left. `size` counts bytes; a log grows while its delivery runs."""

    kind: Literal["result", "log"]
    name: str
    media_type: str
    run: int
    delivery: int
    size: int


async def holdings(artifacts: ArtifactStore, job: Job) -> list[JobArtifact]:
    """In order of delivery. Results of settles that were refused are nobody's, and results of earlier runs are over:
    neither is told."""
    logs: Counter[tuple[int, int]] = Counter()
    found: list[JobArtifact] = []
    if job.result is not None:
        found.append(_result(job.run, job.deliveries, len(job.result)))
    for info in await artifacts.list_prefix(job_prefix(job.namespace, job.id)):
        run, delivery, name = delivery_of(info.key)
        if name.startswith("log/"):
            logs[run, delivery] += info.size
        elif info.key == job.result_ref:
            found.append(_result(run, delivery, info.size))
    found += [_log(run, delivery, size) for (run, delivery), size in logs.items()]
    return sorted(found, key=lambda artifact: (artifact.run, artifact.delivery, artifact.name))


def _result(run: int, delivery: int, size: int) -> JobArtifact:
    return JobArtifact(
        kind="result", name="result.json", media_type="application/json", run=run, delivery=delivery, size=size
    )


def _log(run: int, delivery: int, size: int) -> JobArtifact:
    return JobArtifact(kind="log", name="log.txt", media_type="text/plain", run=run, delivery=delivery, size=size)
