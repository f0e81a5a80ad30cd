"""The Lease is not certain for a moment, and then it is: what was to be written meanwhile is written."""

from __future__ import annotations

import asyncio
from pathlib import Path

from scripted_cluster import ScriptedCluster

from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.target import find_connection
from taskjob_operator.leadership import NotLeadingError
from taskjob_operator.metrics import Metrics
from taskjob_operator.record import Record, look
from taskjob_operator.status import jobless
from taskjob_operator.writing.pace import Pace
from taskjob_operator.writing.receipts import Receipts
from taskjob_operator.writing.writer import Writer

NS = "media"


class Term:
    def __init__(self) -> None:
        self.certain = False
        self.asked = asyncio.Event()

    def check(self) -> None:
        self.asked.set()
        if not self.certain:
            raise NotLeadingError("the Lease is not held for certain")


async def test_a_status_outlives_a_late_renewal_of_the_lease(cluster: ScriptedCluster, tmp_path: Path) -> None:
    cluster.create(NS, "one", task="add")
    record = Record(look(cluster.get("taskjobs", NS, "one")))
    term, receipts = Term(), Receipts()
    kube = KubeClient(find_connection(str(cluster.kubeconfig(tmp_path))), fence=term.check)
    written = asyncio.Event()
    writer = Writer(
        kube, Pace(100), Metrics(), on_gone=lambda _: None, on_read=lambda _: None, on_write=lambda *_: written.set()
    )
    writing = asyncio.create_task(writer.run())
    status = jobless.rejected("NotYetSupported", "/spec/array: array is not built yet", generation=1, run=0, now=0)

    writer.want(record, status, receipts.open("job-1", 7))
    await asyncio.wait_for(term.asked.wait(), 10)
    await asyncio.sleep(0)
    assert receipts.held == 1
    term.certain = True
    await asyncio.wait_for(written.wait(), 10)

    assert cluster.status(NS, "one")["reason"] == "NotYetSupported"
    assert receipts.take(10) == (("job-1", 7),)
    writing.cancel()
    await asyncio.wait({writing})
    await kube.close()
