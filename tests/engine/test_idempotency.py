"""Scenario 11: honest repeats find their job, however late and by whatever version they come."""

import asyncio

from taskjob_engine.policies.canonical import document_hash

DAY = 86_400
DOCUMENT = {"queue": "default", "task": "demo", "payload": {"n": 1}}


def keyed(lab, key, document=None, **fields):
    return lab.submission(idempotency_key=key, document_hash=document_hash(document or DOCUMENT), **fields)


async def test_scenario_11_a_late_retry_finds_its_key_after_the_job_was_pruned(lab):
    [first] = await lab.engine.submit([keyed(lab, "k", ttl_seconds_after_finished=60)])
    worker = await lab.session()
    await worker.settle(await worker.run_one())
    lab.hands.pass_(61)
    await lab.rounds.whole("prune")
    assert (await lab.engine.stats("default")).queues[0].purged == 1
    lab.hands.pass_(DAY - 120)
    [late] = await lab.engine.submit([keyed(lab, "k")])
    assert (late.outcome, late.id) == ("existing", first.id)
    lab.hands.pass_(200)
    await lab.rounds.whole("prune")
    [new] = await lab.engine.submit([keyed(lab, "k")])
    assert new.outcome == "created", "kept a day, not for ever"
    assert (await lab.engine.stats("default")).conserved


async def test_scenario_11_a_retry_by_a_newer_client_that_spells_out_a_default_as_null(lab):
    [first] = await lab.engine.submit([keyed(lab, "k")])
    newer = DOCUMENT | {"activeDeadlineSeconds": None, "priority": 0, "suspend": False}
    [again] = await lab.engine.submit([keyed(lab, "k", newer)])
    assert (again.outcome, again.id) == ("existing", first.id)
    [other] = await lab.engine.submit([keyed(lab, "k", DOCUMENT | {"payload": {"n": 2}})])
    assert (other.outcome, other.id) == ("conflict", first.id)


async def test_scenario_11_a_batch_with_keys_per_item_is_answered_item_by_item(lab):
    [old] = await lab.engine.submit([keyed(lab, "a")])
    other = DOCUMENT | {"payload": {"n": 2}}
    batch = [keyed(lab, "a"), keyed(lab, "b"), keyed(lab, "b"), keyed(lab, "b", other), lab.submission()]
    verdicts = await lab.engine.submit(batch)
    assert [verdict.outcome for verdict in verdicts] == ["existing", "created", "existing", "conflict", "created"]
    assert verdicts[0].id == old.id
    assert {verdict.id for verdict in verdicts[1:4]} == {batch[1].id}


async def test_scenario_11_a_hundred_repeats_at_once_make_one_job(lab):
    answers = await asyncio.gather(*(lab.engine.submit([keyed(lab, "k")]) for _ in range(100)))
    verdicts = [verdict for [verdict] in answers]
    assert sorted(verdict.outcome for verdict in verdicts) == ["created"] + ["existing"] * 99
    assert len({verdict.id for verdict in verdicts}) == 1
