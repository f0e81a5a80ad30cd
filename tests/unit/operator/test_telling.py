"""Which TaskJobs are written for what stops their queue, and what they say then."""

from __future__ import annotations

from typing import Any

import msgspec
from operator_jobs import AT, job, record

from taskjob.model import Phase
from taskjob.spec.taskjob_status import TaskJobStatus as StatusDocument
from taskjob_operator.queues.stoppages import Stoppages
from taskjob_operator.queues.trouble import Trouble
from taskjob_operator.reconcile.telling import MOST_TOLD, due
from taskjob_operator.record import Record
from taskjob_operator.status.build import status_of
from taskjob_operator.status.document import TaskJobStatus
from taskjob_operator.status.queued import queued

IMAGE = Trouble(reason="ImagePullBackOff", message="shop/resize:2: password=geheim not found")


def stopped(trouble: Trouble | None = IMAGE) -> Stoppages:
    stoppages = Stoppages()
    stoppages.saw(("media", "images"), trouble)
    return stoppages


def waits(number: int = 0, reason: str = "Queued", phase: str = "Queued", **spec: Any) -> Record:
    status = {"phase": phase, "reason": reason, "revision": 1, "run": 0, "jobID": f"{number:032x}"}
    return record(f"job-{number}", f"uid-{number}", status=status, spec=spec)


def names(records: list[Record]) -> list[str]:
    return [one.name for one in records]


def built() -> TaskJobStatus:
    return status_of(job(Phase.QUEUED), generation=1, incarnation="life-1", mirrored=False, now=AT)


def test_who_waits_in_that_queue_and_does_not_say_so_is_told() -> None:
    records = [
        waits(1),
        waits(2, "ImagePullBackOff"),
        waits(3, "CrashLoopBackOff"),
        waits(4, "Running", "Running"),
        waits(5, queue="other"),
    ]

    assert names(due(records, stopped())) == ["job-1", "job-3"]


def test_who_says_what_is_over_is_told_however_many_they_are() -> None:
    records = [waits(number, "ImagePullBackOff") for number in range(MOST_TOLD + 7)] + [waits(9999)]

    assert names(due(records, stopped(None))) == names(records[:-1])


def test_so_many_of_a_queue_are_told_and_no_more() -> None:
    telling = [waits(number) for number in range(MOST_TOLD + 50)]
    said = [waits(10_000 + number, "ImagePullBackOff") for number in range(20)]

    assert len(due(telling, stopped())) == MOST_TOLD
    assert len(due([*telling, *said], stopped())) == MOST_TOLD - 20


def test_nothing_is_told_of_a_queue_that_nobody_looked_at() -> None:
    assert due([waits(1, "ImagePullBackOff")], Stoppages()) == []


def test_a_status_that_cannot_be_written_is_not_tried_again() -> None:
    refused = waits(1)
    refused.refused = b"digest"

    assert due([refused], stopped()) == []


def test_it_says_why_in_reason_message_and_conditions_and_where_to_look() -> None:
    said = queued(built(), "images", IMAGE)
    StatusDocument.model_validate(msgspec.json.decode(msgspec.json.encode(said.written())))

    assert said.reason == "ImagePullBackOff"
    assert said.message == (
        "no worker of queue images can start: shop/resize:2: password=*** not found; see kubectl describe tq images"
    )
    reasons = {one.type: (one.status, one.reason) for one in said.conditions}
    assert reasons["Reconciling"] == ("True", "ImagePullBackOff")
    assert reasons["Finished"] == ("False", "ImagePullBackOff")
    assert reasons["Accepted"] == ("True", "Durable")


def test_taken_back_it_is_the_status_that_it_was() -> None:
    before = built()

    assert queued(queued(before, "images", IMAGE), "images", None) == before


def test_a_long_trouble_fits_and_still_says_where_to_look() -> None:
    said = queued(built(), "images", Trouble(reason="InvalidTemplate", message="x" * 5000))

    assert len(said.message) <= 512
    assert said.message.endswith("see kubectl describe tq images")
