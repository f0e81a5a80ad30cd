"""Bulk actions: what was previewed is what is done, once, in bounded steps."""

import base64

import pytest

from taskjob.errors import InvalidError
from taskjob.model import Phase
from taskjob_engine import bulk
from taskjob_engine.bulk import BulkAction
from taskjob_engine.store import JobFilter

ALL = JobFilter(namespace="default")


async def run_all(lab, token):
    changed = skipped = steps = 0
    while token is not None:
        step = await lab.engine.execute("default", token)
        changed, skipped, steps, token = changed + step.changed, skipped + step.skipped, steps + 1, step.token
    return changed, skipped, steps


async def dead_letters(lab, count, **fields):
    worker = await lab.session()
    refs = [await lab.submit(**fields) for _ in range(count)]
    for grant in await worker.lease(count):
        await worker.fail(grant, retryable=False)
    return refs


async def test_cancel_touches_what_was_live_at_the_preview(lab, monkeypatch):
    monkeypatch.setattr(bulk, "STEP", 3)
    [dead] = await dead_letters(lab, 1)
    live = [await lab.submit() for _ in range(8)]
    lab.hands.pass_(0.001)
    preview = await lab.engine.preview(ALL, BulkAction.CANCEL)
    assert (preview.count, preview.at_least) == (8, False)
    later = await lab.submit()
    changed, skipped, steps = await run_all(lab, preview.token)
    assert (changed, skipped) == (8, 0)
    assert steps >= 3, "bounded steps"
    assert {(await lab.engine.get(ref)).phase for ref in live} == {Phase.CANCELLED}
    assert (await lab.engine.get(later)).phase is Phase.QUEUED
    assert (await lab.engine.get(dead)).phase is Phase.DEAD_LETTER


async def test_scenario_08_a_step_sent_twice_starts_no_second_run(lab):
    refs = await dead_letters(lab, 5)
    lab.hands.pass_(0.001)
    preview = await lab.engine.preview(ALL, BulkAction.RERUN)
    assert preview.count == 5
    first = await lab.engine.execute("default", preview.token)
    again = await lab.engine.execute("default", preview.token)
    assert (first.changed, again.changed) == (5, 0)
    assert {(await lab.engine.get(ref)).run for ref in refs} == {1}


async def test_a_dead_letter_that_died_again_after_the_preview_is_not_meant(lab):
    [ref] = await dead_letters(lab, 1)
    lab.hands.pass_(0.001)
    preview = await lab.engine.preview(ALL, BulkAction.RERUN)
    await run_all(lab, preview.token)
    worker = await lab.session()
    await worker.fail(await worker.run_one(), retryable=False)
    assert (await lab.engine.get(ref)).phase is Phase.DEAD_LETTER
    assert (await run_all(lab, preview.token))[0] == 0
    assert (await lab.engine.get(ref)).run == 1


async def test_purge_takes_dead_letters_and_leaves_the_rest(lab):
    dead = await dead_letters(lab, 3)
    live = await lab.submit()
    lab.hands.pass_(0.001)
    preview = await lab.engine.preview(ALL, BulkAction.PURGE)
    assert preview.count == 3
    assert (await run_all(lab, preview.token))[0] == 3
    assert [await lab.engine.get(ref) for ref in dead] == [None] * 3
    assert await lab.engine.get(live) is not None
    stats = await lab.engine.stats("default")
    assert stats.conserved
    assert sum(queue.purged for queue in stats.queues) == 3


async def test_purge_of_other_finished_phases_must_be_named(lab):
    done = await lab.submit()
    await lab.engine.cancel([done])
    lab.hands.pass_(0.001)
    assert (await lab.engine.preview(ALL, BulkAction.PURGE)).count == 0
    named = JobFilter(namespace="default", phases=(Phase.CANCELLED,))
    assert (await lab.engine.preview(named, BulkAction.PURGE)).count == 1


async def test_the_filter_is_kept(lab):
    keep, drop = await lab.submit(queue="keep"), await lab.submit(queue="drop", labels={"team": "a"})
    other = await lab.submit(queue="drop")
    lab.hands.pass_(0.001)
    where = JobFilter(namespace="default", queue="drop", labels={"team": "a"})
    preview = await lab.engine.preview(where, BulkAction.CANCEL)
    await run_all(lab, preview.token)
    assert [(await lab.engine.get(ref)).phase for ref in (keep, drop, other)] == [
        Phase.QUEUED,
        Phase.CANCELLED,
        Phase.QUEUED,
    ]


@pytest.mark.parametrize(
    ("action", "phase"),
    [(BulkAction.CANCEL, Phase.COMPLETED), (BulkAction.RERUN, Phase.QUEUED), (BulkAction.PURGE, Phase.RUNNING)],
)
async def test_an_action_on_phases_it_cannot_change_is_refused(lab, action, phase):
    with pytest.raises(InvalidError) as refusal:
        await lab.engine.preview(JobFilter(namespace="default", phases=(phase,)), action)
    assert refusal.value.field == "/filter/phase"


async def test_a_token_of_another_namespace_or_none_of_ours_is_refused(lab):
    ref = await lab.submit()
    preview = await lab.engine.preview(ALL, BulkAction.CANCEL)
    deep = base64.urlsafe_b64encode(b'{"x":' + b"[" * 100_000).decode()
    forged = [("default", token) for token in ("bm9uc2Vuc2U", "ü", "", deep)]
    for namespace, token in [("other", preview.token), *forged]:
        with pytest.raises(InvalidError) as refusal:
            await lab.engine.execute(namespace, token)
        assert refusal.value.field == "/token"
    assert (await lab.engine.get(ref)).phase is Phase.QUEUED


async def test_a_huge_count_is_told_as_at_least(lab, monkeypatch):
    monkeypatch.setattr(bulk, "COUNTED_UP_TO", 3)
    for _ in range(5):
        await lab.submit()
    lab.hands.pass_(0.001)
    preview = await lab.engine.preview(ALL, BulkAction.CANCEL)
    assert (preview.count, preview.at_least) == (3, True)
