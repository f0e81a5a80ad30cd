"""Workers of a TaskQueue: a Deployment is its own by the uid of its owner, and is applied once for each change."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_cluster import ScriptedCluster

from taskjob_operator.kube.client import KubeClient
from taskjob_operator.queues.cluster import Cluster
from taskjob_operator.queues.declaration import Declaration, read_declaration
from taskjob_operator.queues.trouble import Trouble
from taskjob_operator.queues.workers import Workers
from taskjob_operator.resources.names import WORKER_ACCOUNT, WORKER_LABEL, owner_reference, workload_name

NS = "media"
UNREADABLE = Declaration(refused=Trouble(reason="InvalidSpec", message="as the test says"))


@pytest.fixture
async def workers(cluster: ScriptedCluster, kube: KubeClient) -> Workers:
    labels = {WORKER_LABEL: "true"}
    cluster.put("serviceaccounts", NS, WORKER_ACCOUNT, metadata={"labels": labels})
    return Workers(Cluster(kube), gateway_url="taskjob://gateway:7070", on_scaled=lambda *_: None)


def queue(name: str, uid: str, image: str = "acme/worker:1") -> dict[str, Any]:
    return {"metadata": {"namespace": NS, "name": name, "uid": uid}, "spec": {"worker": {"image": image}}}


def deployed(cluster: ScriptedCluster, name: str, owner_uid: str) -> None:
    metadata = {"uid": f"of-{owner_uid}", "ownerReferences": [owner_reference(name, owner_uid)]}
    body = {"metadata": metadata, "spec": {"replicas": 2}, "status": {"replicas": 2, "readyReplicas": 2}}
    cluster.put("deployments", NS, workload_name(name), **body)


async def test_workers_of_a_deleted_namesake_are_not_shown_as_ones_own(
    cluster: ScriptedCluster, workers: Workers
) -> None:
    deployed(cluster, "images", "uid-1")

    own = await workers.bring(queue("images", "uid-1"), UNREADABLE)
    others = await workers.bring(queue("images", "uid-2"), UNREADABLE)

    assert ((True, 2), (False, 0)) == ((own.declared, own.ready), (others.declared, others.ready))


async def test_workers_of_a_deleted_namesake_are_waited_for(cluster: ScriptedCluster, workers: Workers) -> None:
    deployed(cluster, "images", "uid-1")
    later = queue("images", "uid-2")

    pool = await workers.bring(later, read_declaration(later))

    assert pool.trouble is not None
    assert "PredecessorStopping" == pool.trouble.reason
    assert "patch deployments" not in cluster.calls


async def test_what_was_applied_of_one_queue_says_nothing_of_another(
    cluster: ScriptedCluster, workers: Workers
) -> None:
    both = [queue("images", "uid-1"), queue("films", "uid-2", "acme/films:1")]
    for _ in range(2):
        for one in both:
            await workers.bring(one, read_declaration(one))
    applied = cluster.calls.count("patch deployments")

    for one in both:
        await workers.bring(one, read_declaration(one))

    assert applied == cluster.calls.count("patch deployments")
