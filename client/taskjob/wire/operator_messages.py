"""The operator protocol, version 1: what the operator and the api say to each other under `/operator/v1/…`.

It is level-based. The operator tells what a custom resource says *now* and reads what the job *is* now; each call may
be repeated, cut off or sent by two operators at once, and converges. Every call is a `POST` with one of the requests
below as its JSON body and is answered with the reply of the same name; failures are the problem documents of REST.
Only a caller with the scope `operator` may use it: it acts in every namespace.

Requests are read strictly: an unknown field, a wrong type or a list over its bound is refused as a whole (422), a body
over `MAX_REQUEST_BYTES` with 413. `docs/reference/operator-protocol.md` shows the messages literally. Times are
microseconds of the store's clock.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from taskjob.model import Job, Micros, Owner

MAX_ITEMS = 500
"""Entries in any one list of a request."""

MAX_REQUEST_BYTES = 16 * 1024 * 1024
"""Of a request's body: a full list of jobs, each with a payload as large as a custom resource may have."""

MAX_WAIT_SECONDS = 30.0
"""Longest long poll."""

MAX_MIRRORED_RESULT_BYTES = 1024
"""A larger result is left out of a snapshot; `Job.result_ref` or REST leads to it."""


Uid = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\A[!-~]+\Z")]
ClusterId = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\A[!-~]+\Z")]
Namespace = Annotated[str, Meta(max_length=63, pattern=r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")]
ObjectName = Annotated[str, Meta(min_length=1, max_length=253, pattern=r"\A[-a-z0-9.]+\Z")]
JobId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
Limit = Annotated[int, Meta(ge=1, le=MAX_ITEMS)]


class Item(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    pass


# ---- POST /operator/v1/jobs/ensure


class DeclaredJob(Item, frozen=True, kw_only=True):
    """One TaskJob as the operator read it. `spec` is the object's spec, raw JSON, defaults of the schema included.

    `known_job` and `known_incarnation` repeat what the object's status says (jobID, incarnation), where it says
    anything: a job that is missing under the same incarnation is `expired` and never created again.
    """

    owner: Owner
    spec: msgspec.Raw
    labels: dict[str, str] = {}
    known_job: JobId | None = None
    known_incarnation: str | None = None


class EnsureJobs(Item, frozen=True, kw_only=True):
    jobs: Annotated[tuple[DeclaredJob, ...], Meta(max_length=MAX_ITEMS)]


class EnsuredJob(Item, frozen=True, kw_only=True):
    """The verdict on one declared job, in the order of the request.

    - `owned`: the job exists and belongs to this owner; it was created, or brought to what the spec says
      (priority, suspend, retention, cancel, rerun).
    - `mirrored`: the spec's idempotencyKey names a job of another owner, or one submitted by REST. Nothing of it
      was changed; `job.owner` says whose it is.
    - `expired`: the job was pruned.
    - `rejected`: final until the spec changes; `code`, `detail` and `field` say why (PayloadTooLarge, KeyConflict,
      NotYetSupported, Invalid …).
    - `deferred`: the world may mend it (QuotaExceeded …): tell it again later.

    `job` is a snapshot without payload, checkpoint, traceback and a result above `MAX_MIRRORED_RESULT_BYTES`; it is
    there for `owned` and `mirrored`. A key that the object did not choose is left out of it.

    `spec.rerun` is the run that the job should have reached: with a higher one than the job's a finished job runs
    once more, once for each value; a job that is live goes on, so tell it again when it has finished. A job that is
    made anew begins with that run.
    """

    outcome: Literal["owned", "mirrored", "expired", "rejected", "deferred"]
    job: Job | None = None
    code: str | None = None
    detail: str | None = None
    field: str | None = None


class JobsEnsured(Item, frozen=True, kw_only=True):
    incarnation: str
    jobs: tuple[EnsuredJob, ...]


# ---- POST /operator/v1/jobs/disown


class DisownedJob(Item, frozen=True, kw_only=True):
    """The object of `owner` is gone. With an `heir`, of the same namespace, the job passes to it and goes on; without
    one it is cancelled if it is live. A job that `owner` does not own is left alone."""

    owner: Owner
    job: JobId
    heir: Owner | None = None


class DisownJobs(Item, frozen=True, kw_only=True):
    jobs: Annotated[tuple[DisownedJob, ...], Meta(max_length=MAX_ITEMS)]


class JobsDisowned(Item, frozen=True, kw_only=True):
    """In order: `cancelled` (or cancelling), `inherited`, `finished` (nothing to cancel), `not_owned` (or unknown)."""

    outcomes: tuple[Literal["cancelled", "inherited", "finished", "not_owned"], ...]


# ---- POST /operator/v1/jobs/changes


class ReadChanges(Item, frozen=True, kw_only=True):
    """Acknowledge what was written down, then wait up to `wait_seconds` for more. `ack` holds pairs of
    (job id, version)."""

    cluster_id: ClusterId
    ack: Annotated[tuple[tuple[JobId, int], ...], Meta(max_length=2 * MAX_ITEMS)] = ()
    limit: Limit = MAX_ITEMS
    wait_seconds: Annotated[float, Meta(ge=0, le=MAX_WAIT_SECONDS)] = 0.0


class ChangedJob(Item, frozen=True, kw_only=True):
    """`job` None: it was pruned. The same row comes again until its version is acknowledged."""

    owner: Owner
    job_id: str
    version: int
    job: Job | None = None


class JobsChanged(Item, frozen=True, kw_only=True):
    incarnation: str
    changes: tuple[ChangedJob, ...]


# ---- POST /operator/v1/jobs/owned


class ReadOwned(Item, frozen=True, kw_only=True):
    """A page of the live jobs that objects of this cluster own, in the order of their ids, for the orphan sweep."""

    cluster_id: ClusterId
    after: JobId | None = None
    limit: Limit = MAX_ITEMS


class OwnedJob(Item, frozen=True, kw_only=True):
    job: str
    owner: Owner
    created_at: Micros


class OwnedJobs(Item, frozen=True, kw_only=True):
    """`now` is the store's clock when the page was read; `after` continues, None at the end."""

    now: Micros
    jobs: tuple[OwnedJob, ...]
    after: str | None = None


# ---- POST /operator/v1/orphans


class ReportOrphans(Item, frozen=True, kw_only=True):
    """The jobs whose objects are gone and that the operator does not dare to cancel: too many at once. Replaces the
    report before; one with `total` 0 clears it. `total` may exceed what is listed; `namespaces` then names all that
    are concerned. The api keeps it in memory: report again each minute or so while it stands."""

    cluster_id: ClusterId
    total: Annotated[int, Meta(ge=0)]
    jobs: Annotated[tuple[OwnedJob, ...], Meta(max_length=MAX_ITEMS)] = ()
    namespaces: Annotated[tuple[Namespace, ...], Meta(max_length=MAX_ITEMS)] = ()


class OrphansReported(Item, frozen=True, kw_only=True):
    """`confirmed`: a person has looked at this report and said to go on (`taskjob orphans confirm`). It stands for as
    many jobs as the person saw, until the report is cleared."""

    confirmed: bool


# ---- POST /operator/v1/queues/ensure


class ToldTrouble(Item, frozen=True, kw_only=True):
    """Why workers of a queue cannot start: a word, and a line for people."""

    reason: Annotated[str, Meta(pattern=r"\A[A-Z][A-Za-z0-9]{0,63}\Z")]
    message: Annotated[str, Meta(max_length=1024)] = ""


class DeclaredQueue(Item, frozen=True, kw_only=True):
    """The declared half of a TaskQueue: limits, jobDefaults and paused of its spec, raw JSON as `QueueDocument`.
    `deleted`: the object is gone; leasing stops (reason QueueDeleted), limits stay, jobs wait for a queue of that
    name. The queue `default` is there also without an object: its jobs go on. `trouble` is what keeps its workers
    from starting now; left out: nothing that the operator knows of."""

    namespace: Namespace
    name: ObjectName
    spec: msgspec.Raw = msgspec.Raw(b"{}")
    deleted: bool = False
    trouble: ToldTrouble | None = None


class EnsureQueues(Item, frozen=True, kw_only=True):
    """By REST nobody changes the declared half of a queue that a cluster declares (409 ManagedByKubernetes)."""

    cluster_id: ClusterId
    queues: Annotated[tuple[DeclaredQueue, ...], Meta(max_length=MAX_ITEMS)]


class EnsuredQueue(Item, frozen=True, kw_only=True):
    outcome: Literal["ensured", "rejected"]
    code: str | None = None
    detail: str | None = None
    field: str | None = None


class QueuesEnsured(Item, frozen=True, kw_only=True):
    queues: tuple[EnsuredQueue, ...]


# ---- POST /operator/v1/queues/managed


class ReadManagedQueues(Item, frozen=True, kw_only=True):
    """Which queues has this cluster declared? Those of objects that went while no operator ran are found so."""

    cluster_id: ClusterId


class ManagedQueues(Item, frozen=True, kw_only=True):
    """(namespace, name) of each, in order."""

    queues: tuple[tuple[str, str], ...]


# ---- POST /operator/v1/queues/numbers


class ReadQueueNumbers(Item, frozen=True, kw_only=True):
    """For the queues named (namespace, name); at most `MAX_ITEMS`."""

    queues: Annotated[tuple[tuple[Namespace, ObjectName], ...], Meta(max_length=MAX_ITEMS)]


class QueueNumbers(Item, frozen=True, kw_only=True):
    """One snapshot. `ready` may start now; `delayed` waits for a time or back-off; `unservable` is ready for a task
    that no connected worker of the queue knows; `workers` and `slots` are those of live sessions that serve it, and
    `busy_slots` their leases. `paused_by`: `spec` for the declared pause, `api:<who>` for a person's.
    `run_seconds_p95`: 19 of 20 of the attempts that ended last took no longer; None while too few are known."""

    namespace: str
    name: str
    ready: int = 0
    running: int = 0
    delayed: int = 0
    blocked: int = 0
    dead_letters: int = 0
    unservable: int = 0
    oldest_age_seconds: float = 0.0
    workers: int = 0
    slots: int = 0
    busy_slots: int = 0
    paused_by: tuple[str, ...] = ()
    run_seconds_p95: float | None = None


class QueueNumbersRead(Item, frozen=True, kw_only=True):
    now: Micros
    queues: tuple[QueueNumbers, ...]


# ---- POST /operator/v1/pods/ended


class EndedPod(Item, frozen=True, kw_only=True):
    """What the cluster knows of a worker's pod: its process is certainly gone, so its leases end at once (those of
    jobs with a concurrency key after the full time). `reason` becomes the error of the attempts that it held, and a
    started one counts as `lost`. A pod that said goodbye in time holds nothing any more: nothing happens.

    `connected_before`: the pod goes on with another process, and only one that connected before that moment is gone
    (times of the cluster's nodes, which are the store's but for their clocks' difference). `certain` False: the pod was
    deleted without waiting for its node, which kills the process presently; its sessions end when their connections
    break, without the usual wait for them to come back."""

    namespace: Namespace
    name: ObjectName
    uid: Uid
    reason: Literal["OOMKilled", "Evicted", "NodeLost", "PodDeleted", "PodFailed"]
    message: Annotated[str, Meta(max_length=1024)] = ""
    connected_before: Micros | None = None
    certain: bool = True


class EndPods(Item, frozen=True, kw_only=True):
    pods: Annotated[tuple[EndedPod, ...], Meta(max_length=MAX_ITEMS)]


class PodsEnded(Item, frozen=True, kw_only=True):
    """How many sessions of each pod ended; 0 where none was open."""

    sessions: tuple[int, ...]
