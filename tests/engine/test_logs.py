"""Logs of deliveries: appended once, bounded, read back by chunk number."""

import asyncio

import msgspec
import pytest

from taskjob.errors import UnavailableError
from taskjob.model import AttemptOutcome
from taskjob_engine import logs
from taskjob_engine.artifacts import lease_prefix, log_key
from taskjob_engine.logs import PAGE_BYTES
from taskjob_engine.store import JobRef


async def append(lab, grant, number, text):
    await lab.engine.append_log(
        namespace=grant.namespace,
        job=grant.job,
        run=grant.run,
        delivery=grant.delivery,
        lease=grant.lease,
        number=number,
        text=text,
    )


@pytest.fixture
async def running(lab):
    worker = await lab.session()
    ref = await lab.submit()
    return worker, ref, await worker.run_one()


async def test_chunks_are_read_back_in_order_and_once(lab, running):
    _, ref, grant = running
    for number in (0, 2, 1, 1, 0):
        await append(lab, grant, number, f"line {number}\n")
    page = await lab.engine.logs(ref)
    assert page.text == "line 0\nline 1\nline 2\n"
    assert (page.next, page.complete, page.run, page.delivery) == (3, False, 0, 1)


async def test_a_repeat_never_replaces_what_was_kept(lab, running):
    _, ref, grant = running
    await append(lab, grant, 0, "first")
    await append(lab, grant, 0, "second")
    assert (await lab.engine.logs(ref)).text == "first"


async def test_a_follower_is_woken_by_a_chunk_and_by_the_end(lab, running):
    worker, ref, grant = running
    with lab.engine.following(ref) as follower:
        for change in (lambda: append(lab, grant, 0, "a"), lambda: worker.settle(grant)):
            generation = follower.generation
            waiting = asyncio.create_task(follower.beyond(generation, seconds=20))
            await change()
            assert await waiting


async def test_a_live_log_is_read_without_listing_what_was_read(lab, running, monkeypatch):
    worker, ref, grant = running
    listed = []
    list_prefix = lab.engine._artifacts.list_prefix

    async def listing(prefix, *, after=""):
        found = await list_prefix(prefix, after=after)
        listed.extend(info.key.rsplit("/", 1)[1] for info in found)
        return found

    for number in range(5):
        await append(lab, grant, number, f"{number}")
    monkeypatch.setattr(lab.engine._artifacts, "list_prefix", listing)

    assert (await lab.engine.logs(ref)).text == "01234"
    assert (await lab.engine.logs(ref, after=3)).text == "34"
    assert (await lab.engine.logs(ref, after=5)).text == ""
    assert listed == []
    await worker.settle(grant)
    last = await lab.engine.logs(ref, after=4)
    assert (last.text, last.complete, listed) == ("4", True, ["000004"])


async def test_what_another_process_appended_is_found(lab, running):
    _, ref, grant = running
    await append(lab, grant, 0, "ours ")
    prefix = lease_prefix("default", ref.id, grant.run, grant.delivery, grant.lease)
    await lab.engine._artifacts.put(log_key(prefix, 1), b"theirs")

    page = await lab.engine.logs(ref)
    assert (page.text, page.next) == ("ours ", 1)
    assert (await lab.engine.logs(ref, after=page.next)).text == "theirs"


async def test_following_a_log_until_it_is_complete(lab, running):
    worker, ref, grant = running
    empty = await lab.engine.logs(ref)
    assert (empty.text, empty.next, empty.complete) == ("", 0, False)
    await append(lab, grant, 0, "a")
    page = await lab.engine.logs(ref, after=empty.next)
    assert (page.text, page.next, page.complete) == ("a", 1, False)
    await append(lab, grant, 1, "ü€")
    await worker.settle(grant)
    last = await lab.engine.logs(ref, after=page.next)
    assert (last.text, last.next, last.complete) == ("ü€", 2, True)


async def test_each_delivery_has_a_log_of_its_own_and_the_last_is_the_default(lab, running):
    worker, ref, grant = running
    await append(lab, grant, 0, "one")
    await worker.settle(grant, AttemptOutcome.RELEASED)
    again = await worker.run_one()
    await append(lab, again, 0, "two")
    assert (await lab.engine.logs(ref)).text == "two"
    assert (await lab.engine.logs(ref, delivery=1)).text == "one"
    assert (await lab.engine.logs(ref, run=0, delivery=2)).text == "two"


async def test_unknown_jobs_and_deliveries_have_no_log(lab, running):
    _, ref, _ = running
    assert await lab.engine.logs(ref, delivery=9) is None
    assert await lab.engine.logs(ref, run=3) is None
    assert await lab.engine.logs(JobRef(namespace="default", id=lab.new_id())) is None
    assert await lab.engine.logs(JobRef(namespace="other", id=ref.id)) is None


async def test_a_job_that_never_ran_has_an_empty_log(lab):
    ref = await lab.submit()
    page = await lab.engine.logs(ref)
    assert (page.text, page.complete) == ("", False)


@pytest.fixture
async def short(idle_lab):
    await idle_lab.start(log_limit_bytes=100)
    worker = await idle_lab.session()
    ref = await idle_lab.submit()
    return idle_lab, worker, ref, await worker.run_one()


async def test_the_limit_of_a_delivery_cuts_and_says_so(short):
    lab, _, ref, grant = short
    await append(lab, grant, 0, "x" * 60)
    await append(lab, grant, 1, "y" * 60)
    await append(lab, grant, 2, "z" * 60)
    text = (await lab.engine.logs(ref)).text
    assert text == "x" * 60 + "y" * 40 + "\n[log cut here: over the limit of 100 bytes]\n"


async def test_a_log_may_reach_its_limit_exactly(short):
    lab, _, ref, grant = short
    await append(lab, grant, 0, "x" * 100)
    assert (await lab.engine.logs(ref)).text == "x" * 100


async def test_the_limit_holds_for_chunks_that_come_side_by_side(short):
    lab, worker, ref, grant = short
    await asyncio.gather(*(append(lab, grant, number, "x" * 30) for number in range(20)))
    await worker.settle(grant)  # any of them may have come first, and a live log is read up to a gap
    text = (await lab.engine.logs(ref)).text
    assert text.count("x") == 100
    assert text.count("[log cut here") == 1


async def test_the_limit_is_remembered_over_a_restart(short):
    lab, _, ref, grant = short
    await append(lab, grant, 0, "x" * 60)
    await lab.restart()
    await append(lab, grant, 0, "again")
    await append(lab, grant, 1, "y" * 60)
    text = (await lab.engine.logs(ref)).text
    assert text == "x" * 60 + "y" * 40 + "\n[log cut here: over the limit of 100 bytes]\n"


async def test_tiny_chunks_are_bounded_by_their_number(short, monkeypatch):
    monkeypatch.setattr("taskjob_engine.logs.MAX_CHUNKS", 3)
    lab, _, ref, grant = short
    for number in range(3):
        await append(lab, grant, number, str(number))
    await lab.restart()
    for number in range(3, 6):
        await append(lab, grant, number, str(number))
    assert (await lab.engine.logs(ref)).text == "012\n[log cut here: over the limit of 3 chunks]\n"


async def test_the_cut_leaves_no_half_character(short):
    lab, _, ref, grant = short
    await append(lab, grant, 0, "x" * 99 + "€")
    assert (await lab.engine.logs(ref)).text == "x" * 99 + "\n[log cut here: over the limit of 100 bytes]\n"


async def test_a_chunk_that_could_not_be_kept_may_come_again(short, monkeypatch):
    lab, _, ref, grant = short

    async def full(*_):
        raise UnavailableError("no space is left")

    for number, text in [(0, "x" * 60), (1, "y" * 60)]:
        with monkeypatch.context() as patch:
            patch.setattr(lab.engine._artifacts, "put", full)
            with pytest.raises(UnavailableError):
                await append(lab, grant, number, text)
        await append(lab, grant, number, text)
    assert (await lab.engine.logs(ref)).text.startswith("x" * 60 + "y" * 40 + "\n[log cut")


async def test_what_is_remembered_of_logs_is_bounded(lab, running, monkeypatch):
    monkeypatch.setattr(logs, "_REMEMBERED_DELIVERIES", 2)
    _, ref, grant = running
    for lease in "abc":
        await append(lab, msgspec.structs.replace(grant, lease=lease * 32), 0, lease)
    assert len(lab.engine._logs._written) == 2
    await append(lab, msgspec.structs.replace(grant, lease="a" * 32), 0, "again")
    assert "again" not in (await lab.engine.logs(ref)).text


async def test_a_long_log_comes_in_bounded_pages(lab, running):
    worker, ref, grant = running
    for number in range(5):
        await append(lab, grant, number, str(number) * (PAGE_BYTES // 2))
    await worker.settle(grant)
    sizes, after = [], 0
    while True:
        page = await lab.engine.logs(ref, after=after)
        sizes.append(len(page.text))
        after = page.next
        if page.complete:
            break
    assert sizes == [PAGE_BYTES, PAGE_BYTES, PAGE_BYTES // 2]


async def test_a_lease_of_another_worker_writes_beside_not_over(lab, running):
    _, ref, grant = running
    await append(lab, grant, 0, "mine")
    forged = msgspec.structs.replace(grant, lease="f" * 32)
    await append(lab, forged, 0, "theirs")
    names = [info.key for info in await lab.engine._artifacts.list_prefix(f"default/{ref.id}")]
    assert len(names) == 2
