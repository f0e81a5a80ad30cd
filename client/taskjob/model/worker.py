"""A worker as the server knows it: one session of one process."""

from __future__ import annotations

from taskjob.model.job import Record
from taskjob.model.times import Micros


class WorkerInfo(Record, frozen=True, kw_only=True):
    """`session` is the session id; `held` counts its leases; `expires_at` is when they lapse unless renewed.
    `draining`: it takes no more work, and ends what it holds."""

    session: str
    epoch: int
    name: str
    namespace: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int
    carrier: str
    held: int = 0
    draining: bool = False
    connected_at: Micros = 0
    renewed_at: Micros = 0
    expires_at: Micros = 0
    closed: bool = False
