"""What operators reported as orphans, and what people said to it. In memory: an operator reports again while it waits,
and a confirmation that a restart forgets is asked for once more."""

from __future__ import annotations

import msgspec

from taskjob.errors import ConflictError, NotFoundError, OverloadedError
from taskjob.model import Micros
from taskjob.wire.operator_messages import OwnedJob

MAX_CLUSTERS = 16


class OrphanReport(msgspec.Struct, frozen=True, kw_only=True):
    """`confirmed_total`: up to so many orphans a person has agreed to lose."""

    cluster_id: str
    total: int
    jobs: tuple[OwnedJob, ...] = ()
    namespaces: tuple[str, ...] = ()
    reported_at: Micros = 0
    confirmed_total: int = 0

    @property
    def confirmed(self) -> bool:
        return self.total <= self.confirmed_total

    @property
    def concerned(self) -> list[str]:
        """The namespaces that lose jobs by it."""
        return sorted({*self.namespaces, *(job.owner.namespace for job in self.jobs)})


class Orphans:
    """The last report of each cluster. Belongs to one event loop."""

    def __init__(self) -> None:
        self._reports: dict[str, OrphanReport] = {}

    def report(self, told: OrphanReport) -> bool:
        """Keep the report in the place of the one before; whether it is confirmed."""
        before = self._reports.pop(told.cluster_id, None)
        if told.total == 0:
            return False
        if len(self._reports) >= MAX_CLUSTERS:
            raise OverloadedError(f"{MAX_CLUSTERS} clusters have reported orphans; confirm those first")
        if before is not None:
            told = msgspec.structs.replace(told, confirmed_total=before.confirmed_total)
        self._reports[told.cluster_id] = told
        return told.confirmed

    def all(self) -> list[OrphanReport]:
        return [self._reports[cluster] for cluster in sorted(self._reports)]

    def confirm(self, cluster_id: str, total: int) -> OrphanReport:
        """`total` is what the person saw. Raises `NotFoundError`, or `ConflictError` where there are more by now."""
        report = self._reports.get(cluster_id)
        if report is None:
            raise NotFoundError(f"cluster {cluster_id!r} has reported no orphans", hint="taskjob orphans list")
        if total < report.total:
            raise ConflictError(
                f"there are {report.total} orphans by now, you saw {total}",
                reason="ReportChanged",
                hint="taskjob orphans list, and confirm what it shows",
            )
        self._reports[cluster_id] = msgspec.structs.replace(report, confirmed_total=total)
        return self._reports[cluster_id]
