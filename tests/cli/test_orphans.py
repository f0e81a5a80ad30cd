"""taskjob orphans, and what a job and a queue of a cluster look like, against a real server."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from live_stack import LiveStack
from operator_side import declared, owner


def tell(stack: LiveStack, call: str, **body: Any) -> Any:
    answer = httpx2.post(f"{stack.url}/operator/v1/{call}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def orphans(stack: LiveStack) -> Any:
    """Reports orphans; cleared in the end, for the stack is shared."""
    clusters = []

    def report(cluster: str, *uids: str) -> list[str]:
        clusters.append(cluster)
        items = [declared(uid, suspend=True) | {"owner": owner(uid, cluster=cluster)} for uid in uids]
        jobs = [verdict["job"] for verdict in tell(stack, "jobs/ensure", jobs=items)["jobs"]]
        listed = [{"job": job["id"], "owner": job["owner"], "createdAt": job["createdAt"]} for job in jobs]
        tell(stack, "orphans", clusterId=cluster, total=len(listed), jobs=listed)
        return [job["id"] for job in jobs]

    yield report
    for cluster in clusters:
        tell(stack, "orphans", clusterId=cluster, total=0)


def test_orphans_are_listed_and_confirmed(run: Any, stack: LiveStack, orphans: Any) -> None:
    assert run("orphans", "list").err == run("orphans", "confirm").err == "no orphans\n"
    first, second = orphans("prod", "o1", "o2")

    listed = run("orphans", "list")
    refused = run("orphans", "confirm", stdin="n\n")
    before = tell(stack, "orphans", clusterId="prod", total=2, namespaces=["default"])
    confirmed = run("orphans", "confirm", stdin="y\n")
    after = tell(stack, "orphans", clusterId="prod", total=2, namespaces=["default"])

    assert [line.split()[:4] for line in listed.out.splitlines()] == [
        ["CLUSTER", "NAMESPACE", "TASKJOB", "JOB"],
        ["prod", "default", "job-o1", first],
        ["prod", "default", "job-o2", second],
    ]
    assert listed.err == "cluster prod: 2 orphans, waiting for: taskjob orphans confirm\n"
    assert "cancel 2 orphans of cluster prod in default?" in refused.err
    assert (refused.code, before["confirmed"]) == (130, False)
    assert (confirmed.out, after["confirmed"]) == ("2 orphans confirmed\n", True)
    assert run("orphans", "list").err == "cluster prod: 2 orphans, confirmed\n"


def test_where_several_clusters_reported_one_is_named(run: Any, orphans: Any) -> None:
    orphans("east", "e1")
    orphans("west", "w1")

    unnamed = run("orphans", "confirm", "-y")
    named = run("orphans", "confirm", "-y", "--cluster", "west")

    assert (unnamed.code, "--cluster: east, west" in unnamed.err) == (2, True)
    assert named.out == "1 orphan confirmed\n"


def test_a_job_and_a_queue_of_a_cluster_say_whose_they_are(run: Any, stack: LiveStack) -> None:
    item = declared("d1", queue="declared", suspend=True)
    job = tell(stack, "jobs/ensure", jobs=[item])["jobs"][0]["job"]["id"]
    tell(stack, "queues/ensure", clusterId="c1", queues=[{"namespace": "default", "name": "declared"}])
    described = run("describe", "job", job).out
    queue = run("describe", "queue", "declared").out
    tell(stack, "queues/ensure", clusterId="c1", queues=[{"namespace": "default", "name": "declared", "deleted": True}])

    assert "Belongs to:" in described
    assert "taskjob/job-d1 of cluster c1" in described
    assert "its TaskQueue in cluster c1" in queue
    assert "Deleted" in run("describe", "queue", "declared").out
