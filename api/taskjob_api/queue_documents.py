"""From a queue's document to the engine's `QueueChange`: the one reader behind REST and the operator."""

from __future__ import annotations

from taskjob.model import JobDefaults, QueueLimits, QueueTrouble
from taskjob.spec import QueueDocument
from taskjob.spec.taskqueue import JobDefaultsSpec, LimitsSpec
from taskjob_api.job_documents import retry_choice
from taskjob_engine.store import QueueChange


def declaration(
    document: QueueDocument,
    *,
    namespace: str,
    name: str,
    managed_by: str | None = None,
    trouble: QueueTrouble | None = None,
) -> QueueChange:
    """The whole declared half: what the document leaves out goes back to its default."""
    return QueueChange(
        namespace=namespace,
        name=name,
        limits=_limits(document.limits or LimitsSpec()),
        job_defaults=_defaults(document.job_defaults or JobDefaultsSpec()),
        paused=bool(document.paused),
        managed_by=managed_by,
        deleted=False,
        trouble=trouble,
    )


def _limits(spec: LimitsSpec) -> QueueLimits:
    return QueueLimits(
        max_concurrency=spec.max_concurrency,
        per_concurrency_key=spec.per_concurrency_key or 1,
        rate_per_second=spec.rate_per_second,
        max_live_jobs=spec.max_live_jobs,
    )


def _defaults(spec: JobDefaultsSpec) -> JobDefaults:
    return JobDefaults(
        retry=None if spec.retry is None else retry_choice(spec.retry),
        timeout_seconds=spec.timeout_seconds,
        ttl_seconds_after_finished=spec.ttl_seconds_after_finished,
        ttl_seconds_after_failed=spec.ttl_seconds_after_failed,
    )
