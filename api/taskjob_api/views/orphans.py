"""Orphans: live jobs whose TaskJob is gone."""

from __future__ import annotations

from taskjob.model import format_time
from taskjob_api.operator_door.orphans import OrphanReport
from taskjob_api.views.record import View


class OrphanView(View, frozen=True, kw_only=True):
    """A live job whose TaskJob is gone."""

    job: str
    namespace: str
    owner: str
    created_at: str


class OrphanReportView(View, frozen=True, kw_only=True):
    """What the operator of a cluster holds back. `total` may exceed what `items` lists; `confirmed`: it may go on."""

    cluster_id: str
    total: int
    namespaces: list[str]
    items: list[OrphanView]
    reported_at: str
    confirmed: bool


class OrphanList(View, frozen=True, kw_only=True):
    items: list[OrphanReportView]


def orphan_view(report: OrphanReport) -> OrphanReportView:
    return OrphanReportView(
        cluster_id=report.cluster_id,
        total=report.total,
        namespaces=report.concerned,
        items=[
            OrphanView(
                job=orphan.job,
                namespace=orphan.owner.namespace,
                owner=orphan.owner.name,
                created_at=format_time(orphan.created_at),
            )
            for orphan in report.jobs
        ],
        reported_at=format_time(report.reported_at),
        confirmed=report.confirmed,
    )
