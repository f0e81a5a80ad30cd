"""What a look at a job changes about a status that an earlier process wrote."""

from __future__ import annotations

from typing import Any

import pytest
from operator_jobs import AT, job, record
from operator_parts import Parts

from taskjob.model import Phase
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.status.build import status_of
from taskjob_operator.writing.receipts import Receipts


@pytest.fixture
async def parts(kube: KubeClient) -> Parts:
    return Parts(kube, None)


def stopped(**fields: Any) -> dict[str, Any]:
    """As it was written while the queue's workers could not start."""
    shown = status_of(job(Phase.QUEUED, **fields), generation=1, incarnation="life-1", mirrored=False, now=AT)
    return shown.written() | {"reason": "ImagePullBackOff"}


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        ({"revision": 3}, None),
        ({"revision": 4}, "Queued"),
        ({"run": 1, "revision": 3}, "Queued"),
    ],
)
async def test_before_the_first_look_at_a_queue_the_same_revision_keeps_its_reason(
    parts: Parts, look: dict[str, int], reason: str | None
) -> None:
    one = record(status=stopped(revision=3))
    receipts = Receipts()

    parts.showing.job(one, job(Phase.QUEUED, **look), "life-1", receipts.open("job-1", 1))

    said = parts.writer.latest(one)
    assert reason == (None if said is None else said.reason)
    assert (said is not None) is (receipts.held == 1)
