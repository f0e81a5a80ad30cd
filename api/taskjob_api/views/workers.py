"""Workers, one record for each session."""

from __future__ import annotations

from taskjob.model import WorkerInfo, format_time
from taskjob_api.views.record import View


class WorkerView(View, frozen=True, kw_only=True):
    """One session of one worker process; `held` counts its leases."""

    session: str
    epoch: int
    name: str
    namespace: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int
    held: int
    carrier: str
    draining: bool
    closed: bool
    connected_at: str
    renewed_at: str
    expires_at: str


class WorkerList(View, frozen=True, kw_only=True):
    items: list[WorkerView]


def worker_view(worker: WorkerInfo) -> WorkerView:
    return WorkerView(
        session=worker.session,
        epoch=worker.epoch,
        name=worker.name,
        namespace=worker.namespace,
        queues=worker.queues,
        tasks=worker.tasks,
        slots=worker.slots,
        held=worker.held,
        carrier=worker.carrier,
        draining=worker.draining,
        closed=worker.closed,
        connected_at=format_time(worker.connected_at),
        renewed_at=format_time(worker.renewed_at),
        expires_at=format_time(worker.expires_at),
    )
