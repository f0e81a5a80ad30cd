"""How soon a dead worker's jobs run again (G5)."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import msgspec
import pytest

from taskjob.model import ErrorInfo
from taskjob.wire.codec import encode_line
from taskjob.wire.messages import Exchange, Register, Renew, Started
from taskjob.wire.operator_messages import EndedPod, EndPods
from taskjob_api.gateway.doomed import DOOMED_SECONDS, Doomed
from taskjob_api.operator_door.pods import end_pods
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import PrincipalEnd

WORKER = """
import socket, sys
register, exchange, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.create_connection(("127.0.0.1", port))
lines = s.makefile("rb")
pid_start = open("/proc/self/stat").read().rpartition(")")[2].split()[19]
import os
register = register.replace('"pid":0', f'"pid":{os.getpid()}').replace('"started":0', f'"started":{pid_start}')
s.sendall(register.encode())
lines.readline()
s.sendall(exchange.encode())
for line in lines:
    sys.stdout.write(line.decode())
    sys.stdout.flush()
"""


@pytest.fixture
def carrier():
    return "tcp"


@pytest.fixture
def reconnect_seconds():
    """Longer than any test waits, and so are the leases: jobs that come again do so because a death was certain."""
    return 600.0


@pytest.fixture
def house_options(reconnect_seconds):
    settings = EngineSettings(session_ttl_seconds=600.0, reconnect_seconds=reconnect_seconds, maintenance_seconds=0.05)
    return {"engine_settings": settings, "holdoff_seconds": 1.0}


@pytest.fixture
def process(house, this_process):
    """A worker in a process of its own that takes one job and then only waits."""
    me = this_process(os.getpid())
    identity = msgspec.structs.replace(me, pid=0, started=0)
    register = Register(protocol=(1,), worker="victim", queues=("default",), tasks=("noop",), slots=1, process=identity)
    started = []

    async def start():
        child = subprocess.Popen(  # noqa: ASYNC220 - a few milliseconds
            [
                sys.executable,
                "-I",
                "-c",
                WORKER,
                encode_line(register).decode(),
                encode_line(Exchange(seq=1, want=1)).decode(),
                str(house.port),
            ],
            stdout=subprocess.PIPE,
        )
        started.append(child)
        while (await house.engine.stats("default")).queues[0].leased == 0:  # noqa: ASYNC110 - the child says nothing
            await asyncio.sleep(0.01)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdout.close()


async def test_a_killed_process_gives_its_jobs_back_within_a_second(house, hire, process):
    """The quickest of some deaths is the product's own time; a busy machine adds to each of them."""
    quickest = float("inf")
    heir = await hire()
    await asyncio.sleep(1.1)  # the hold-off of a fresh engine
    for _ in range(10):
        [job] = await house.submit("noop")
        child = await process()
        child.send_signal(signal.SIGKILL)
        killed_at = time.monotonic()

        [grant] = await heir.take(1)

        quickest = min(quickest, time.monotonic() - killed_at)
        assert grant.job == job
        assert (await house.job(job)).deliveries == 2
        await heir.settle(grant)
        if quickest < 1.0:
            break
    assert quickest < 1.0


async def test_a_death_is_certain_also_for_a_session_that_an_older_server_opened(house, hire, this_process):
    with subprocess.Popen(["sleep", "60"]) as child:  # noqa: ASYNC220 - a few milliseconds
        try:
            worker = await hire(process=this_process(child.pid))
            await house.submit("noop")
            await worker.take(1)
            worker.cut()
            await house.restart()
            await worker.resume()
            heir = await hire()
            await asyncio.sleep(1.1)  # the hold-off of a fresh engine
        finally:
            child.kill()
        worker.cut()
        assert len(await heir.take(1)) == 1


async def test_a_process_that_dies_behind_its_broken_connection_is_not_waited_for(house, hire, this_process):
    with subprocess.Popen(["sleep", "60"]) as child:  # noqa: ASYNC220 - a few milliseconds
        try:
            worker, heir = await hire(process=this_process(child.pid)), await hire()
            await house.submit("noop")
            await worker.take(1)
            await asyncio.sleep(1.1)  # the hold-off of a fresh engine
            worker.cut()
            await house.connected(1)
            await asyncio.sleep(0.3)  # it is looked after again and again
        finally:
            child.kill()
        assert len(await heir.take(1)) == 1


@pytest.mark.parametrize("reconnect_seconds", [EngineSettings().reconnect_seconds])
async def test_a_live_process_with_a_broken_connection_has_three_seconds(house, hire, this_process):
    worker = await hire(process=this_process(os.getpid()))
    [job] = await house.submit("noop")
    [grant] = await worker.take(1)
    await worker.call(worker.exchange(started=(Started(job=job, lease=grant.lease),)))
    heir = await hire()
    worker.cut()
    cut_at = time.monotonic()

    [again] = await heir.take(1)

    assert again.job == job
    assert time.monotonic() - cut_at > 2.5  # and less than its leases' minutes
    assert (await house.job(job)).lost == 1


@pytest.mark.parametrize("way", ["tcp", "http"])
async def test_a_guardian_that_tells_of_a_death_is_believed_at_once(house, hire, way):
    """As in a pod, whose processes nobody sees from outside."""
    worker, heir = await hire(), await hire()
    [job] = await house.submit("noop")
    [grant] = await worker.take(1)
    await worker.call(worker.exchange(started=(Started(job=job, lease=grant.lease),)))
    await asyncio.sleep(1.1)  # the hold-off of a fresh engine
    worker.cut()
    session, epoch = worker.welcome.session, worker.welcome.epoch

    guardian = house.worker(way)

    answer = await guardian.greet(Renew(session=session, epoch=epoch, dead=True))

    if way == "http":
        await guardian.client.aclose()
    assert not answer.renewed
    [again] = await heir.take(1)
    assert again.job == job
    assert (await house.job(job)).lost == 1


async def test_a_death_under_an_old_epoch_or_by_a_stranger_ends_nothing(house, hire):
    worker = await hire()
    await house.submit("noop")
    [grant] = await worker.take(1)
    session, epoch = worker.welcome.session, worker.welcome.epoch

    await house.worker("tcp").greet(Renew(session=session, epoch=epoch - 1, dead=True))
    house.authenticator.principal = msgspec.structs.replace(house.authenticator.principal, name="stranger")
    await house.worker("tcp").greet(Renew(session=session, epoch=epoch, dead=True))

    assert (await worker.settle(grant)).verdicts == ()


async def test_a_worker_whose_pod_was_deleted_by_force_is_not_waited_for(house, hire):
    """The news come before its node kills it: it may finish what it can, and is gone when its connection is."""
    house.authenticator.principal = msgspec.structs.replace(house.authenticator.principal, name="pod:p1")
    worker = await hire()
    house.authenticator.principal = msgspec.structs.replace(house.authenticator.principal, name="pod:p2")
    heir = await hire()
    [job] = await house.submit("noop")
    [grant] = await worker.take(1)
    await worker.call(worker.exchange(started=(Started(job=job, lease=grant.lease),)))
    await asyncio.sleep(1.1)  # the hold-off of a fresh engine
    pod = EndedPod(namespace="default", name="w", uid="p1", reason="PodDeleted", certain=False)

    told = await end_pods(house.engine, house.doomed, EndPods(pods=(pod,)))

    assert told.sessions == (0,)
    assert (await worker.call(worker.exchange())).renewed
    worker.cut()
    await heir.take(1)
    assert (await house.job(job)).last_error.type == "PodDeleted"


async def test_a_doomed_worker_that_is_not_connected_ends_at_once(house, hire):
    house.authenticator.principal = msgspec.structs.replace(house.authenticator.principal, name="pod:p1")
    worker = await hire()
    await house.submit("noop")
    await worker.take(1)
    worker.cut()
    while house.service.sessions.of("pod:p1"):  # noqa: ASYNC110 - the api notices by itself
        await asyncio.sleep(0.01)
    pod = EndedPod(namespace="default", name="w", uid="p1", reason="PodDeleted", certain=False)

    assert (await end_pods(house.engine, house.doomed, EndPods(pods=(pod,)))).sessions == (1,)


async def test_a_foretold_death_that_does_not_come_is_forgotten():
    now = [0.0]
    doomed = Doomed(lambda: now[0])
    doomed.foretell(PrincipalEnd(principal="pod:1", error=ErrorInfo(type="PodDeleted", message="")))

    assert doomed.of("pod:1") is not None
    assert doomed.of("pod:2") is None
    now[0] = DOOMED_SECONDS
    assert doomed.of("pod:1") is None


class TestKeyed:
    @pytest.fixture
    def house_options(self):
        settings = EngineSettings(session_ttl_seconds=5.0, reconnect_seconds=0.2, maintenance_seconds=0.05)
        return {"engine_settings": settings, "holdoff_seconds": 1.0}

    async def test_a_keyed_job_waits_for_the_full_ttl(self, house, hire):
        worker = await hire()
        [free] = await house.submit("noop")
        [keyed] = await house.submit("noop", concurrency_key="customer-7")
        grants = await worker.take(2)
        renewed_at = time.monotonic()
        await worker.call(worker.exchange(started=tuple(Started(job=g.job, lease=g.lease) for g in grants)))
        heir = await hire()
        worker.cut()

        heir.send(heir.exchange(want=2))
        while len(heir.held) < 2:
            await heir.call(heir.exchange())  # a heartbeat
            await asyncio.sleep(0.1)
            assert time.monotonic() - renewed_at < 60.0

        assert list(heir.held) == [free, keyed]
        assert time.monotonic() - renewed_at >= 5.0
