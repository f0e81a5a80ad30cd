"""jobs/ensure: one engine job for one object, brought to what the object says, told as a snapshot."""

from __future__ import annotations

import msgspec
import pytest
from operator_side import OperatorSide, declared, owner, snapshot_of

from taskjob.model import AttemptOutcome, ErrorInfo, Phase
from taskjob.wire.operator_messages import MAX_ITEMS, MAX_MIRRORED_RESULT_BYTES, JobsEnsured
from taskjob_engine.store import JobRef
from taskjob_engine.stores.sqlite import SQLiteStore


async def get(api, job):
    return await api.engine.get(JobRef(namespace="default", id=job))


async def test_an_object_becomes_one_job_however_often_it_is_told(api, operator):
    item = declared("u1", labels={"team": "a"}, payload={"n": 1}, priority=7, timeoutSeconds=30)

    replies = [await operator.told("jobs/ensure", {"jobs": [item, item]}) for _ in range(2)]

    assert {verdict["outcome"] for reply in replies for verdict in reply["jobs"]} == {"owned"}
    [job] = {verdict["job"]["id"] for reply in replies for verdict in reply["jobs"]}
    made = await get(api, job)
    assert (made.name, made.labels, made.priority, made.timeout_seconds) == ("job-u1", {"team": "a"}, 7, 30)
    assert (made.owner.uid, made.owner.cluster_id, bytes(made.payload)) == ("u1", "c1", b'{"n":1}')
    assert await api.accepted() == 1


async def test_a_snapshot_reads_as_a_job_without_what_is_large(api, operator, world):
    verdict = await operator.ensure_one(payload={"secret": "x" * 100})
    worker = await world.worker()
    await worker.complete(await worker.lease_one(), result=b'"' + b"r" * MAX_MIRRORED_RESULT_BYTES + b'"')

    reply = await operator.told("jobs/ensure", {"jobs": [declared()]})
    job = msgspec.convert(reply, JobsEnsured).jobs[0].job

    assert (job.id, job.phase, job.attempts) == (verdict["job"]["id"], Phase.COMPLETED, 1)
    assert {"payload", "result", "idempotencyKey"} & reply["jobs"][0]["job"].keys() == set()


async def test_a_small_result_and_the_last_error_without_its_traceback_are_told(operator, world):
    await operator.ensure_one("u1")
    await operator.ensure_one("u2", retry={"maxAttempts": 1})
    worker = await world.worker()
    first, second = await worker.lease(2)
    await worker.complete(first, result=b'{"bytes":1}')
    error = ErrorInfo(type="ValueError", message="no", traceback="Traceback: password=hunter2")
    await worker.settle(second, AttemptOutcome.FAILED, error=error)

    done, dead = await operator.ensure(declared("u1"), declared("u2", retry={"maxAttempts": 1}))

    assert done["job"]["result"] == {"bytes": 1}
    assert (dead["job"]["phase"], dead["job"]["lastError"]) == ("dead_letter", {"type": "ValueError", "message": "no"})


async def test_what_is_mutable_converges(api, operator):
    before = await operator.ensure_one(priority=1, suspend=True, ttlSecondsAfterFinished=60)

    after = await operator.ensure_one(priority=9, ttlSecondsAfterFinished=120, ttlSecondsAfterFailed=240)
    again = await operator.ensure_one(priority=9, ttlSecondsAfterFinished=120, ttlSecondsAfterFailed=240)
    left_out = await operator.ensure_one()

    assert (before["job"]["phase"], before["job"]["reason"]) == ("submitted", "Suspended")
    told = snapshot_of(after)
    assert (told.phase, told.priority, told.ttl_seconds_after_finished, told.ttl_seconds_after_failed) == (
        Phase.QUEUED,
        9,
        120,
        240,
    )
    assert again == after, "a repeat changes nothing"
    assert snapshot_of(left_out).ttl_seconds_after_finished == 120, "its queue chose once, at submit"
    assert snapshot_of(left_out).priority == 0


async def test_a_job_that_is_what_its_object_says_costs_no_write(api, operator):
    """A new leader tells of all that lives."""
    known = await operator.told("jobs/ensure", {"jobs": [declared(priority=1)]})
    before = api.engine.standing().seq

    [told] = await operator.ensure(declared(known=known, priority=1))
    assert (told, before) == (known["jobs"][0], api.engine.standing().seq)

    await operator.ensure(declared(known=known, priority=2))
    assert before < api.engine.standing().seq


async def test_cancel_is_carried_out_and_repeats_are_harmless(operator, world):
    await operator.ensure_one("u1")
    worker = await world.worker()
    await worker.start(await worker.lease_one())

    verdicts = await operator.ensure(declared("u1", cancel=True), declared("u2", cancel=True))
    again = await operator.ensure(declared("u1", cancel=True), declared("u2", cancel=True))

    assert [(v["job"]["phase"], v["job"]["reason"]) for v in verdicts] == [
        ("running", "Cancelling"),
        ("cancelled", "CancelRequested"),
    ]
    assert again == verdicts


async def test_each_value_of_rerun_runs_a_finished_job_once_more(operator, world):
    worker = await world.worker()
    await operator.ensure_one()
    live = await operator.ensure_one(rerun=1)
    await worker.complete(await worker.lease_one())

    runs = []
    for wanted in (1, 1, 3, 3, 3):
        told = await operator.ensure_one(rerun=wanted)
        runs.append((told["job"].get("run", 0), told["job"]["phase"]))
        for grant in await worker.lease(1):
            await worker.complete(grant)

    assert live["job"]["phase"] == "queued"
    assert runs == [(1, "queued"), (1, "completed"), (2, "queued"), (2, "completed"), (2, "completed")]


async def test_a_new_object_that_was_rerun_elsewhere_runs_once(operator, world):
    worker = await world.worker()
    made = await operator.ensure_one(rerun=3)
    await worker.complete(await worker.lease_one())

    done = await operator.ensure_one(rerun=3)
    again = await operator.ensure_one(rerun=4)

    assert [(told["job"]["run"], told["job"]["phase"]) for told in (made, done, again)] == [
        (3, "queued"),
        (3, "completed"),
        (4, "queued"),
    ]


async def test_a_rerun_of_a_suspended_object_waits(operator, world):
    await operator.ensure_one()
    worker = await world.worker()
    await worker.complete(await worker.lease_one())

    told = await operator.ensure_one(rerun=1, suspend=True, priority=4)

    assert (told["job"]["run"], told["job"]["reason"], told["job"]["priority"]) == (1, "Suspended", 4)
    assert await worker.lease(1) == []


async def test_a_cancelled_object_is_not_run_again(operator):
    await operator.ensure_one(cancel=True)

    told = await operator.ensure_one(cancel=True, rerun=1)

    assert (told["job"]["phase"], told["job"].get("run", 0)) == ("cancelled", 0)


async def test_the_same_document_by_rest_and_as_an_object_is_one_job(api, operator):
    spec = {"payload": {"b": 1.0, "a": None}, "idempotencyKey": "k", "retry": {"maxAttempts": 2}}
    rest = await api.submit(queue="default", **spec)
    spec["payload"]["b"] = 1

    [mirrored] = await operator.ensure(declared("u1", **spec))
    by_rest_again = await api.submit(**spec)
    [second] = await operator.ensure(declared("u2", priority=900, cancel=True, **spec))

    assert (mirrored["outcome"], mirrored["job"]["id"], by_rest_again) == ("mirrored", rest, rest)
    assert mirrored["job"].get("owner") is None
    assert (second["outcome"], second["job"]["phase"], second["job"].get("priority", 0)) == ("mirrored", "queued", 0)


async def test_the_first_object_with_a_key_owns_the_job_and_a_later_one_mirrors_it(operator):
    first, second = await operator.ensure(declared("u1", idempotencyKey="k"), declared("u2", idempotencyKey="k"))

    assert (first["outcome"], second["outcome"]) == ("owned", "mirrored")
    assert first["job"]["id"] == second["job"]["id"]
    assert second["job"]["owner"]["uid"] == "u1"
    assert second["job"]["idempotencyKey"] == "k"


async def test_a_key_of_another_document_is_a_conflict_and_spoils_no_other(operator):
    await operator.ensure_one("u1", idempotencyKey="k")

    conflict, fine = await operator.ensure(declared("u2", idempotencyKey="k", task="other"), declared("u3"))

    assert (conflict["outcome"], conflict["code"], conflict["field"]) == (
        "rejected",
        "KeyConflict",
        "/spec/idempotencyKey",
    )
    assert fine["outcome"] == "owned"


@pytest.mark.parametrize(
    ("spec", "code", "field"),
    [
        ({"payload": {"x": "y" * (16 * 1024)}}, "PayloadTooLarge", "/spec/payload"),
        ({"payload": {"x": "y" * (65 * 1024)}}, "PayloadTooLarge", "/spec/payload"),
        ({"payload": {"n": 2**53 + 1}}, "Invalid", "/spec/payload/n"),
        ({"array": {"count": 3}}, "NotYetSupported", "/spec/array"),
        ({"dependsOn": [{"name": "a"}]}, "NotYetSupported", "/spec/dependsOn"),
        ({"priority": 5000}, "Invalid", "/spec/priority"),
        ({"task": None}, "Invalid", "/spec/task"),
        ({"idempotencyKey": "taskjob.dev/uid/u1"}, "Invalid", "/spec/idempotencyKey"),
        ({"colour": "red"}, "Invalid", "/spec/colour"),
    ],
)
async def test_what_no_retry_mends_is_rejected_with_the_field(api, operator, spec, code, field):
    bad, good = await operator.ensure(declared("u1", **spec), declared("u2"))

    assert (bad["outcome"], bad["code"], bad["field"], bool(bad["detail"])) == ("rejected", code, field, True)
    assert good["outcome"] == "owned"
    assert await api.accepted() == 1


async def test_a_payload_of_just_the_limit_is_accepted(operator):
    assert (await operator.ensure_one(payload={"x": "y" * (16 * 1024 - len('{"x":""}'))}))["outcome"] == "owned"


async def test_people_cannot_take_the_key_of_an_object(api, operator):
    key = "taskjob.dev/uid/u1"

    in_body = await api.call("POST", "/jobs", json={"task": "a", "idempotencyKey": key})
    in_header = await api.call("POST", "/jobs", json={"task": "a"}, headers={"Idempotency-Key": key})
    job = (await operator.ensure_one("u1"))["job"]["id"]
    shown = (await api.call("GET", f"/jobs/{job}")).json()

    assert [(a.status_code, a.json()["field"]) for a in (in_body, in_header)] == [
        (422, "/idempotencyKey"),
        (422, "Idempotency-Key"),
    ]
    assert "idempotencyKey" not in shown, "what nobody chose is not shown as chosen"


async def test_a_quota_defers(api, operator):
    await api.call("PUT", "/v1/namespaces/default/queues/default", json={"limits": {"maxLiveJobs": 1}})

    first, second = await operator.ensure(declared("u1"), declared("u2"))

    assert (first["outcome"], second["outcome"], second["code"]) == ("owned", "deferred", "QuotaExceeded")


async def test_a_job_that_was_pruned_is_told_so_and_not_made_again(api, operator):
    told = await operator.told("jobs/ensure", {"jobs": [declared(cancel=True)]})
    job = told["jobs"][0]["job"]["id"]
    await api.engine.purge([JobRef(namespace="default", id=job)])

    [by_status] = await operator.ensure(declared(known=told))
    [by_key] = await operator.ensure(declared())

    assert (by_status, by_key) == ({"outcome": "expired"}, {"outcome": "expired"})


async def test_a_job_that_another_incarnation_lost_is_made_again(operator):
    lost = {"incarnation": "f" * 32, "jobs": [{"job": {"id": "e" * 32}}]}
    here = await operator.told("jobs/ensure", {"jobs": []})

    [made] = await operator.ensure(declared("u1", known=lost))
    [gone] = await operator.ensure(declared("u2", known=lost | here | {"jobs": lost["jobs"]}))

    assert (made["outcome"], made["job"]["phase"]) == ("owned", "queued")
    assert gone == {"outcome": "expired"}


async def test_a_status_that_names_a_strangers_job_leads_nowhere(api, operator):
    stranger = await operator.told("jobs/ensure", {"jobs": [declared("u1")]})

    [mine] = await operator.ensure(declared("u2", known=stranger, cancel=True))

    assert mine["job"]["id"] != stranger["jobs"][0]["job"]["id"]
    assert (await get(api, stranger["jobs"][0]["job"]["id"])).phase is Phase.QUEUED


async def test_an_object_of_another_namespace_sees_nothing_of_this_one(operator):
    here = await operator.told("jobs/ensure", {"jobs": [declared("u1", idempotencyKey="k")]})
    foreign = declared("u1", idempotencyKey="k", known=here) | {"owner": owner("u1", namespace="other")}

    [by_status] = await operator.ensure(foreign)
    [there] = await operator.ensure({name: foreign[name] for name in ("owner", "spec")})

    assert by_status == {"outcome": "expired"}, "a foreign job looks like a missing one"
    assert (there["outcome"], there["job"]["namespace"]) == ("owned", "other")
    assert there["job"]["id"] != here["jobs"][0]["job"]["id"]


async def test_another_id_of_the_cluster_converges_too(operator):
    await operator.ensure_one()
    moved = declared() | {"owner": owner(cluster="c2")}

    [told] = await operator.ensure(moved)

    assert (told["outcome"], told["job"]["owner"]["clusterId"]) == ("owned", "c2")
    assert [row["owner"]["clusterId"] for row in await operator.changes(cluster="c2")] == ["c2"]
    assert await operator.changes() == []


@pytest.mark.sqlite
async def test_a_batch_costs_a_handful_of_commits(start_api, tmp_path):
    api = await start_api(store=SQLiteStore(tmp_path / "taskjob.db"))
    operator = OperatorSide(api.client)
    commits = []

    async def spent(*items):
        before = api.engine.standing().seq
        verdicts = await operator.ensure(*items)
        commits.append(api.engine.standing().seq - before)
        return verdicts

    uids = [f"u{number}" for number in range(MAX_ITEMS)]
    made = await spent(*(declared(uid) for uid in uids))
    await spent(*(declared(uid) for uid in uids))
    await spent(*(declared(uid, priority=1, cancel=True) for uid in uids))

    assert len({verdict["job"]["id"] for verdict in made}) == MAX_ITEMS
    assert commits[0] == 1
    assert commits[1] == 0, "nothing to do, nothing written"
    assert commits[2] <= 3
