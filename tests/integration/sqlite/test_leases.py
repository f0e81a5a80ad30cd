"""What the writer remembers of its grants is a memory: the rows decide, and nothing stays in it for ever."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3

from sqlite_crew import Crew, job

from taskjob.model import Phase
from taskjob_engine.policies import sessions
from taskjob_engine.store import JobRef, SessionOpen, Settlement
from taskjob_engine.stores.sqlite import SQLiteStore
from taskjob_engine.stores.sqlite.leases import Leases

STREAM = (1, 1)


async def outcome(store, job_id):
    [found] = await store.get([JobRef(namespace="default", id=job_id)])
    return found.phase


async def test_g3_a_lease_that_is_another_one_in_the_file_is_not_settled(store, crew, path):
    [first, second] = await crew.submit(2)
    grants = await crew.lease(2)
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE job SET lease_id = ? WHERE id = ?", ("f" * 32, first))
        other.commit()
    with contextlib.suppress(Exception):
        await crew.complete(grants)
    assert await crew.complete(grants) == ["stale", "accepted"]
    assert await outcome(store, first) is Phase.ASSIGNED
    assert await outcome(store, second) is Phase.COMPLETED


async def test_a_restarted_store_settles_what_it_granted_before(path):
    store = SQLiteStore(path)
    await store.open()
    crew = await Crew.join(store)
    await crew.submit(3)
    grants = await crew.lease(3)
    await store.close()
    await store.open()
    assert await crew.complete(grants) == ["accepted"] * 3
    assert await crew.complete(grants) == ["replayed"] * 3
    await store.close()


async def test_a_stranger_that_breaks_the_flush_costs_no_settle(store, crew):
    await crew.submit(2)
    grants = await crew.lease(2)
    broken = job(priority="none")
    answers = await asyncio.gather(
        store.submit([broken], create_queues=True), crew.complete(grants), return_exceptions=True
    )
    assert isinstance(answers[0], Exception)
    assert answers[1] == ["accepted"] * 2


def session(name):
    opening = SessionOpen(
        session=name,
        principal="crew",
        worker="w",
        namespace="default",
        queues=("default",),
        tasks=("work",),
        slots=1,
        carrier="tcp",
        ttl_seconds=15.0,
    )
    return sessions.opened(opening, incarnation="i", now=0)


def settlement(job_id, **more):
    given = {"job": job_id, "lease": "l", "session": "s", "principal": "crew", "outcome": "completed"}
    return Settlement(**(given | more))


def test_a_grant_is_told_to_its_own_session_only():
    leases = Leases()
    leases.granted("l", session("s"), {"a": (1, STREAM, 7), "b": (2, STREAM, 7)})
    assert leases.take(settlement("a", session="t")) is None
    assert leases.take(settlement("a", principal="thief")) is None
    assert leases.take(settlement("a", lease="m")) is None
    assert leases.take(settlement("c")) is None
    assert leases.take(settlement("a")) == (1, STREAM, 7)
    assert leases.take(settlement("a")) is None


def test_nothing_is_remembered_of_grants_that_are_over():
    leases = Leases()
    leases.granted("l", session("s"), {"a": (1, STREAM, 7), "b": (2, STREAM, 7)})
    leases.granted("m", session("s"), {"c": (3, STREAM, 7)})
    leases.granted("n", session("s"), {})
    leases.forget("m", "c")
    assert leases.take(settlement("c", lease="m")) is None
    leases.forget("l", "a")
    leases.forget("l", "a")
    leases.forget("k", "a")
    leases.forget(None, "a")
    assert leases.take(settlement("b")) == (2, STREAM, 7)
    assert len(leases) == 0  # and so a store that serves for months holds no more than is leased
