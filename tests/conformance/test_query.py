"""jobs, count, get: filters and cursors."""

import msgspec
import pytest

from taskjob.errors import InvalidError
from taskjob.model import AttemptOutcome, Phase
from taskjob_engine.store import JobFilter, JobRef


async def ids(world, *, limit=100, cursor=None, **where):
    page = await world.store.jobs(JobFilter(namespace="default", **where), limit=limit, cursor=cursor)
    return [job.id for job in page.jobs]


async def test_jobs_are_listed_newest_first(world):
    jobs = [await world.submit() for _ in range(5)]
    assert await ids(world) == jobs[::-1]


async def test_a_cursor_continues_exactly_after_the_page(world):
    jobs = [await world.submit() for _ in range(7)]
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = await world.store.jobs(JobFilter(namespace="default"), limit=3, cursor=cursor)
        seen += [job.id for job in page.jobs]
        cursor, pages = page.cursor, pages + 1
    assert (seen, pages) == (jobs[::-1], 3)


async def test_a_full_last_page_has_no_cursor(world):
    for _ in range(4):
        await world.submit()
    page = await world.store.jobs(JobFilter(namespace="default"), limit=4)
    assert (len(page.jobs), page.cursor) == (4, None)


async def test_pages_are_stable_while_jobs_come_change_and_go(world):
    jobs = [await world.submit() for _ in range(6)]
    first = await world.store.jobs(JobFilter(namespace="default"), limit=2)
    await world.submit()
    await world.cancel(jobs[0])
    await world.cancel(jobs[4])
    await world.store.purge([JobRef(namespace="default", id=jobs[4])])
    rest = await ids(world, cursor=first.cursor)
    assert rest == [jobs[3], jobs[2], jobs[1], jobs[0]]


@pytest.mark.parametrize("how", ["cut", "other namespace", "nonsense", "empty", "sql", "not ascii"])
async def test_a_forged_cursor_is_invalid(world, how):
    for _ in range(3):
        await world.submit()
    good = (await world.store.jobs(JobFilter(namespace="default"), limit=1)).cursor
    namespace = "other" if how == "other namespace" else "default"
    cursor = {"cut": good[:-1], "other namespace": good, "nonsense": "zz" * 20, "empty": ""}.get(how, "' OR 1=1 --é")
    with pytest.raises(InvalidError) as error:
        await world.store.jobs(JobFilter(namespace=namespace), limit=1, cursor=cursor)
    assert error.value.field == "/cursor"


async def test_each_condition_selects_and_all_must_hold(world):
    a = await world.submit(queue="a", task="x", name="n1", labels={"l": "1", "m": "1"})
    world.clock.advance(10)
    b = await world.submit(queue="b", task="x", name="n2", labels={"l": "1"})
    world.clock.advance(10)
    c = await world.submit(queue="b", task="y", name="n1", start_after=world.clock.at + 10**9)
    await world.cancel(b)
    start = world.clock.at - 20_000_000
    cases = [
        ({"queue": "b"}, [c, b]),
        ({"task": "x"}, [b, a]),
        ({"name": "n1"}, [c, a]),
        ({"labels": {"l": "1"}}, [b, a]),
        ({"labels": {"l": "1", "m": "1"}}, [a]),
        ({"labels": {"l": "2"}}, []),
        ({"phases": (Phase.CANCELLED,)}, [b]),
        ({"phases": (Phase.QUEUED, Phase.SUBMITTED)}, [c, a]),
        ({"ids": (a, c, "f" * 32)}, [c, a]),
        ({"created_after": start + 10_000_000}, [c, b]),
        ({"created_before": start + 10_000_000}, [a]),
        ({"created_after": start, "created_before": start + 20_000_000}, [b, a]),
        ({"finished_before": world.clock.at + 1}, [b]),
        ({"finished_before": world.clock.at}, []),
        ({"queue": "b", "task": "x", "phases": (Phase.CANCELLED,)}, [b]),
        ({"queue": "a", "task": "y"}, []),
    ]
    for where, expected in cases:
        assert await ids(world, **where) == expected, where
        assert await world.store.count(JobFilter(namespace="default", **where), limit=10) == len(expected), where


@pytest.mark.parametrize("phase", list(Phase))
async def test_every_phase_can_be_found(world, phase):
    """One job in each phase; the filter finds exactly that one."""
    worker = await world.worker()
    done = await world.submit()
    await worker.complete(await worker.lease_one())
    dead = await world.submit()
    await worker.settle(await worker.lease_one(), AttemptOutcome.FAILED, retryable=False)
    retry = await world.submit()
    await worker.fail(await worker.lease_one())
    running = await world.submit()
    await worker.start(await worker.lease_one())
    assigned = await world.submit()
    await worker.lease_one()
    cancelled = await world.submit()
    await world.cancel(cancelled)
    submitted = await world.submit(suspend=True)
    queued = await world.submit()
    of = {
        Phase.COMPLETED: done,
        Phase.DEAD_LETTER: dead,
        Phase.RETRY_QUEUED: retry,
        Phase.RUNNING: running,
        Phase.ASSIGNED: assigned,
        Phase.CANCELLED: cancelled,
        Phase.SUBMITTED: submitted,
        Phase.QUEUED: queued,
    }
    assert await ids(world, phases=(phase,)) == [of[phase]]
    assert (await world.job(of[phase])).phase is phase


@pytest.mark.parametrize("text", ["' OR '1'='1", "%", "_", 'a"b', "\\", "$.x", "é", "[0]", "a.b/c-d"])
async def test_filter_values_are_values_whatever_they_look_like(world, text):
    plain = await world.submit(labels={"l": "v"}, name="n")
    odd = await world.submit(labels={text: text}, name=text)
    assert await ids(world, name=text) == [odd]
    assert await ids(world, labels={text: text}) == [odd]
    assert await ids(world, labels={text: "v"}) == []
    assert await ids(world, labels={"l": "v"}) == [plain]


async def test_a_count_stops_at_its_limit(world):
    for _ in range(5):
        await world.submit()
    assert await world.store.count(JobFilter(namespace="default"), limit=3) == 3


async def test_lists_do_not_cross_namespaces(world):
    mine, theirs = await world.submit(), await world.submit(namespace="other")
    assert await ids(world) == [mine]
    assert await ids(world, ids=(mine, theirs)) == [mine]
    refs = [JobRef(namespace="default", id=theirs), JobRef(namespace="default", id=mine)]
    found = await world.store.get(refs)
    assert [None if job is None else job.id for job in found] == [None, mine]


async def test_attempts_do_not_cross_namespaces(world):
    worker = await world.worker(namespace="other")
    theirs = await world.submit(namespace="other")
    await worker.complete(await worker.lease_one())
    assert await world.store.attempts(JobRef(namespace="default", id=theirs)) == []
    assert len(await world.store.attempts(JobRef(namespace="other", id=theirs))) == 1


async def test_a_listed_job_equals_the_one_read_alone(world):
    await world.submit(payload=b'{"deep":[1,{"x":null}]}', labels={"a": "b"})
    page = await world.store.jobs(JobFilter(namespace="default"), limit=1)
    [job] = page.jobs
    assert job == await world.job(job.id)
    assert msgspec.json.decode(msgspec.json.encode(job))["payload"] == {"deep": [1, {"x": None}]}
