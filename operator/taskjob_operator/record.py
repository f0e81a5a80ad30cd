"""What is kept in memory of each TaskJob: what reconciling needs and nothing else (payloads and texts are not kept)."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from taskjob.model import Micros
from taskjob.model.times import parse_time
from taskjob_operator.status.document import EXPIRED, TERMINAL, TaskJobStatus, digest_of, read_status


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What a status says, as far as it is compared. `key` is what a person sees change: phase, reason, run."""

    digest: bytes
    phase: str
    reason: str
    observed: int
    incarnation: str
    run: int
    revision: int
    job_id: str | None
    final: bool
    finished_at: Micros | None

    @property
    def key(self) -> tuple[str, str, int]:
        return self.phase, self.reason, self.run


def standing_of(status: TaskJobStatus) -> Standing:
    return Standing(
        digest=digest_of(status),
        phase=sys.intern(status.phase),
        reason=sys.intern(status.reason),
        observed=status.observed_generation,
        incarnation=sys.intern(status.incarnation),
        run=status.run,
        revision=status.revision,
        job_id=status.job_id,
        final=status.phase in TERMINAL or status.reason == EXPIRED,
        finished_at=parse_time(status.finished_at) if status.finished_at else None,
    )


class Record:
    """One TaskJob. `written` is the status that the API server is known to have."""

    __slots__ = (
        "asked",
        "created",
        "deleting",
        "disowned",
        "ensured",
        "generated",
        "generation",
        "gone",
        "incarnation",
        "job",
        "last_write",
        "mirrored",
        "name",
        "namespace",
        "queue",
        "refused",
        "rerun",
        "ttl_failed",
        "ttl_finished",
        "uid",
        "version",
        "written",
    )

    def __init__(self, seen: Seen) -> None:
        self.uid = seen.uid
        self.namespace = sys.intern(seen.namespace)
        self.name = seen.name
        self.queue = sys.intern(seen.queue)
        self.created = seen.created
        self.generated = seen.generated
        self.written = seen.standing
        self.job: str | None = None
        """Its job's id, where that is known; `incarnation` is the life of the store in which it was."""
        self.incarnation = ""
        self.asked = 0
        """The last generation that the api was told of by this process, answered or not."""
        self.ensured = 0
        """The last generation that the api has answered."""
        self.mirrored = False
        """Its job belongs to another."""
        self.gone = False
        """Its object is gone for certain; what is left is to disown its job."""
        self.disowned = False
        """Its job was given up for it, though the object may linger."""
        self.refused: bytes | None = None
        """The digest of a status that the API server will not have."""
        self.last_write = float("-inf")
        self.version = 0
        self.see(seen)

    def see(self, seen: Seen) -> None:
        """Take over what a later look at the same object showed."""
        self.generation = max(seen.generation, getattr(self, "generation", 0))
        self.rerun = seen.rerun
        self.ttl_finished = seen.ttl_finished
        self.ttl_failed = seen.ttl_failed
        self.deleting = seen.deleting
        if seen.version >= self.version:
            self.version = seen.version
            self.written = seen.standing
        if self.job is None and self.written.job_id is not None:
            self.job, self.incarnation = self.written.job_id, self.written.incarnation

    @property
    def settled(self) -> bool:
        """Finished, its status answers the spec as it is now, and no further run is asked for: nothing to do."""
        return self.written.final and not self.edited and self.rerun <= self.written.run

    @property
    def edited(self) -> bool:
        """Its status does not answer the spec as it is now."""
        return self.written.observed < self.generation


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One look at a TaskJob. `spec` is raw JSON."""

    uid: str
    namespace: str
    name: str
    version: int
    generation: int
    created: str
    generated: bool
    deleting: bool
    queue: str
    rerun: int
    ttl_finished: int | None
    ttl_failed: int | None
    standing: Standing
    spec: bytes
    labels: dict[str, str]


class MalformedError(Exception):
    """An object that its schema cannot have admitted."""


def look(raw: dict[str, Any]) -> Seen:
    """Read an object as the API server sent it. Raises `MalformedError`."""
    try:
        meta, spec = raw["metadata"], raw["spec"]
        return Seen(
            uid=meta["uid"],
            namespace=meta["namespace"],
            name=meta["name"],
            version=_ordinal(meta.get("resourceVersion")),
            generation=int(meta.get("generation") or 1),
            created=meta.get("creationTimestamp") or "",
            generated=bool(meta.get("generateName")),
            deleting=bool(meta.get("deletionTimestamp")),
            queue=str(spec.get("queue") or "default"),
            rerun=int(spec.get("rerun") or 0),
            ttl_finished=spec.get("ttlSecondsAfterFinished"),
            ttl_failed=spec.get("ttlSecondsAfterFailed"),
            standing=standing_of(read_status(raw.get("status"))),
            spec=msgspec.json.encode(spec),
            labels=dict(meta.get("labels") or {}),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedError(f"{type(error).__name__}: {error}") from error


def _ordinal(version: str | None) -> int:
    """Resource versions are numbers that grow; where one is not, the latest look wins."""
    return int(version) if version and version.isdigit() else sys.maxsize
