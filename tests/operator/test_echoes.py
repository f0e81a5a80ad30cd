"""What we write comes back as an event, sometimes before the answer to the write: it is nobody else's change."""

from __future__ import annotations

from operator_jobs import AT, UID, job, raw_object
from operator_parts import Parts
from running_parts import running, until
from scripted_cluster import ScriptedCluster

from taskjob.model import Phase
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.status.build import status_of

PATCH = "patch taskjobs/status"


async def test_an_echo_before_the_answer_has_nothing_told_again_and_a_strangers_status_has(
    cluster: ScriptedCluster, kube: KubeClient
) -> None:
    parts = Parts(kube, None)
    parts.intake.observe("ADDED", raw_object())
    parts.queue.done(await parts.queue.take(1))
    one = parts.index.get(UID)
    assert one is not None
    one.asked = one.ensured = 1  # the api was told of it
    status = status_of(job(Phase.COMPLETED), generation=1, incarnation="life-1", mirrored=False, now=AT)
    cluster.put("taskjobs", one.namespace, one.name, **raw_object())
    cluster.hold(PATCH, one.name)
    parts.writer.want(one, status)

    async with running(parts.writer.run()):
        await until(lambda: PATCH in cluster.calls, "the write, which is not answered")
        parts.intake.observe("MODIFIED", raw_object(version=11, status=status.written()))
        assert [] == parts.queue.waiting()

        parts.intake.observe("MODIFIED", raw_object(version=10**6, status=status.written() | {"reason": "Mine"}))
        assert [UID] == parts.queue.waiting()
        cluster.release(PATCH, one.name)
        await until(lambda: one.last_write > 0, "the answer, of an older version")

        parts.writer.want(one, status)
        await until(lambda: 2 == cluster.calls.count(PATCH), "it is set back")


async def test_an_echo_is_told_by_the_write_of_its_own_object(cluster: ScriptedCluster, kube: KubeClient) -> None:
    parts = Parts(kube, None)
    statuses = {
        name: status_of(job(phase), generation=1, incarnation="life-1", mirrored=False, now=AT)
        for name, phase in (("dogs", Phase.DEAD_LETTER), ("cats", Phase.COMPLETED))
    }
    for name, status in statuses.items():
        uid = f"uid-{name}"
        parts.intake.observe("ADDED", raw_object(name, uid))
        parts.queue.done(await parts.queue.take(1))
        one = parts.index.get(uid)
        assert one is not None
        one.asked = one.ensured = 1
        cluster.put("taskjobs", one.namespace, name, **raw_object(name, uid))
        cluster.hold(PATCH, name)
        parts.writer.want(one, status)

    async with running(parts.writer.run()):
        await until(lambda: 2 == cluster.calls.count(PATCH), "both writes, which are not answered")
        for name, status in statuses.items():
            parts.intake.observe("MODIFIED", raw_object(name, f"uid-{name}", version=11, status=status.written()))
        assert [] == parts.queue.waiting()
        for name in statuses:
            cluster.release(PATCH, name)


async def test_what_was_written_is_known_before_any_echo(cluster: ScriptedCluster, kube: KubeClient) -> None:
    parts = Parts(kube, None)
    parts.intake.observe("ADDED", raw_object())
    one = parts.index.get(UID)
    assert one is not None
    status = status_of(job(Phase.COMPLETED), generation=1, incarnation="life-1", mirrored=False, now=AT)
    cluster.put("taskjobs", one.namespace, one.name, **raw_object())
    async with running(parts.writer.run()):
        parts.writer.want(one, status)
        await until(lambda: one.last_write > 0, "the answer")

    assert ("Completed", True) == (one.written.phase, one.written.final)
