"""What became of jobs that were sent."""

from __future__ import annotations

from typing import Literal

from taskjob_api.views.record import View


class SubmittedJob(View, frozen=True, kw_only=True):
    """An accepted job, durable. `existing`: the same key and document came before; `id` is that job's."""

    id: str
    namespace: str
    queue: str
    task: str
    name: str | None = None
    outcome: Literal["created", "existing"]


class BatchVerdict(View, frozen=True, kw_only=True):
    """What became of one item. `conflict` (same key, other document) names the first job's id; `rejected` tells
    code, detail and field, as a problem would."""

    outcome: Literal["created", "existing", "conflict", "rejected"]
    id: str | None = None
    code: str | None = None
    detail: str | None = None
    field: str | None = None
    hint: str | None = None


class BatchResult(View, frozen=True, kw_only=True):
    """One verdict per item, in order."""

    items: list[BatchVerdict]
