"""The work queue: each key once, never in two hands, later after a failure."""

from __future__ import annotations

import asyncio

from operator_jobs import CLUSTER, record

from taskjob.model import Owner
from taskjob_operator.reconcile.index import Index
from taskjob_operator.reconcile.predecessors import Predecessors
from taskjob_operator.reconcile.queue import WorkQueue
from taskjob_operator.reconcile.specs import Spec, Specs


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_that_is_named_often_is_taken_once() -> None:
    queue = WorkQueue()
    for key in ("a", "b", "a"):
        queue.add(key)

    assert ["a", "b"] == await queue.take(10)


async def test_a_batch_has_a_bound() -> None:
    queue = WorkQueue()
    for key in "abc":
        queue.add(key)

    assert ["a", "b"] == await queue.take(2)
    assert ["c"] == await queue.take(2)


async def test_a_key_named_while_it_is_worked_on_comes_again_after_that() -> None:
    queue = WorkQueue()
    queue.add("a")
    taken = await queue.take(1)
    queue.add("a")
    queue.add("b")

    assert ["b"] == await queue.take(5)
    queue.done(taken)
    assert ["a"] == await queue.take(5)


async def test_a_delayed_key_waits_and_the_earlier_time_counts() -> None:
    clock = Clock()
    queue = WorkQueue(clock=clock)
    queue.add("a", 60)
    queue.add("a", 5)
    queue.add("a", 30)
    queue.add("b")
    assert ["b"] == await queue.take(5)

    clock.now += 6

    assert ["a"] == await queue.take(5)
    assert ["b"] == list(queue._working - {"a"})


async def test_a_key_whose_time_comes_while_it_is_worked_on_comes_after_that() -> None:
    clock = Clock()
    queue = WorkQueue(clock=clock)
    queue.add("a")
    taken = await queue.take(1)
    queue.add("a", 1)
    clock.now += 2
    queue.add("b")
    assert ["b"] == await queue.take(5)

    queue.done(taken)

    assert ["a"] == await queue.take(5)


async def test_failures_wait_ever_longer_up_to_a_minute() -> None:
    clock = Clock()
    queue = WorkQueue(clock=clock)
    waits = []
    for _ in range(12):
        queue.retry("a")
        waits.append(queue._due["a"] - clock.now)
        clock.now += 61
        queue.done(await queue.take(1))

    assert 0.125 <= waits[0] <= 0.25
    assert all(30 <= wait <= 60 for wait in waits[-2:])
    queue.succeeded("a")
    queue.retry("a")
    assert queue._due["a"] - clock.now <= 0.25


async def test_who_waits_is_woken() -> None:
    queue = WorkQueue()
    taking = asyncio.create_task(queue.take(1))
    await asyncio.sleep(0)
    queue.add("late", 0.01)

    assert ["late"] == await asyncio.wait_for(taking, 10)
    assert ["x"] != queue.waiting()


async def test_a_forgotten_key_is_not_worked_on() -> None:
    queue = WorkQueue()
    queue.add("a")
    queue.add("b", 50)
    queue.forget("a")
    queue.forget("b")

    assert 0 == len(queue)


def test_specs_are_kept_within_their_bound() -> None:
    specs = Specs(10)
    specs.put("a", Spec(generation=1, raw=b"123456", labels={}))
    specs.put("b", Spec(generation=1, raw=b"123456", labels={}))
    assert specs.get("a") is not None
    assert specs.get("b") is None  # read again when its turn comes

    specs.drop("b")
    assert specs.get("a") is not None
    specs.drop("a")
    specs.put("b", Spec(generation=1, raw=b"123456", labels={}))
    assert specs.get("b") is not None


def test_a_spec_is_its_own_objects() -> None:
    specs = Specs(100)
    for number, uid in enumerate("ab"):
        specs.put(uid, Spec(generation=number, raw=b"1", labels={}))
    specs.drop("c")

    kept = [specs.get(uid) for uid in "abc"]

    assert [0, 1, None] == [None if one is None else one.generation for one in kept]
    specs.drop("b")
    assert specs.get("a") is not None
    assert specs.get("b") is None


def test_the_index_knows_who_shows_a_job() -> None:
    index = Index()
    owner, mirror = record("owner", "uid-1"), record("mirror", "uid-2")
    for one in (owner, mirror):
        index.add(one)
        index.link(one, "job-1")
    assert (owner, mirror) == index.of_job("job-1")

    index.link(mirror, "job-2")
    assert (owner,) == index.of_job("job-1")
    index.remove(owner)

    assert () == index.of_job("job-1")
    assert (mirror,) == index.of_job("job-2")
    assert index.named("media", "owner") is None
    assert [mirror] == list(index)


def test_the_index_finds_an_object_by_its_uid_and_by_its_name() -> None:
    index = Index()
    cats, dogs = record("cats", "uid-1"), record("dogs", "uid-2")
    for one in (cats, dogs):
        index.add(one)

    assert (cats, dogs, None) == tuple(map(index.get, ("uid-1", "uid-2", "uid-3")))
    assert (cats, dogs, None) == tuple(index.named("media", name) for name in ("cats", "dogs", "birds"))

    index.remove(dogs)
    assert (cats, None) == (index.get("uid-1"), index.get("uid-2"))
    assert (cats, None) == (index.named("media", "cats"), index.named("media", "dogs"))


def test_who_is_not_known_shows_no_job() -> None:
    """It may have left while the api was told of it."""
    index = Index()
    index.add(record("cats", "uid-1"))

    index.link(record("dogs", "uid-2"), "job-1")

    assert () == index.of_job("job-1")


def test_removing_a_former_object_leaves_the_name_to_its_successor() -> None:
    index = Index()
    former, later = record("cats", "uid-1"), record("cats", "uid-2")
    index.add(former)
    index.add(later)

    index.remove(former)

    assert later is index.named("media", "cats")


def test_a_name_is_released_when_its_last_job_has_ended() -> None:
    released: list[tuple[str, str]] = []
    clock = Clock()
    stopping = Predecessors(on_release=released.append, clock=clock)
    owner = Owner(cluster_id=CLUSTER, namespace="media", name="cats", uid="uid-1")
    stopping.add(owner, "job-1")
    stopping.add(owner, "job-2")

    stopping.ended("job-1")
    assert [] == released
    assert ["job-2"] == stopping.stopping(("media", "cats"))
    clock.now += 6
    assert [(owner, "job-2")] == stopping.older_than(5)

    stopping.ended("job-2")
    stopping.ended("job-2")
    assert [("media", "cats")] == released
    assert [] == stopping.stopping(("media", "cats"))


def test_jobs_left_behind_are_told_once_and_only_to_a_successor() -> None:
    stopping = Predecessors(on_release=lambda _: None)
    owner = Owner(cluster_id=CLUSTER, namespace="media", name="cats", uid="uid-1")
    stopping.found([(owner, "job-1")])

    assert [] == stopping.left_behind(("media", "dogs"), "uid-2")
    assert [(owner, "job-1")] == stopping.left_behind(("media", "cats"), "uid-2")
    assert [] == stopping.left_behind(("media", "cats"), "uid-2")

    stopping.found([(owner, "job-1")])
    assert [] == stopping.left_behind(("media", "cats"), "uid-1")
