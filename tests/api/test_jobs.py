"""Reading jobs and acting on them, by id and by filter."""

from __future__ import annotations

import asyncio
import json

import job_phases
import pytest

from taskjob_api.routers import streams
from taskjob_engine.artifacts import lease_prefix, log_key
from taskjob_engine.store import JobRef
from taskjob_engine.stores.memory import MemoryStore

JOBS = "/v1/namespaces/default/jobs"


class WatchedStore(MemoryStore):
    """Lets a test know that a job was read: whoever waits for a change listens before it reads."""

    def __init__(self) -> None:
        super().__init__()
        self._reads = asyncio.Semaphore(0)

    async def get(self, refs):
        jobs = await super().get(refs)
        self._reads.release()
        return jobs

    async def read(self, times: int = 1) -> None:
        async with asyncio.timeout(60):
            for _ in range(times):
                await self._reads.acquire()


@pytest.fixture
def watched():
    return WatchedStore()


@pytest.fixture
async def api(start_api, watched):
    return await start_api(store=watched)


@pytest.fixture
async def ids(api, watched):
    return await job_phases.seed(api.engine, watched)


async def test_every_phase_is_shown_by_its_public_name(api, ids):
    shown = {phase: (await api.call("GET", f"{JOBS}/{job}")).json()["phase"] for phase, [job] in ids.items()}

    assert shown == {phase: phase for phase in ids}
    assert len(shown) == 8


async def test_a_finished_job_tells_its_result_attempts_and_error(api, ids):
    completed = (await api.call("GET", f"{JOBS}/{ids['completed'][0]}")).json()
    dead = (await api.call("GET", f"{JOBS}/{ids['dead_letter'][0]}")).json()

    assert completed["result"] == {"width": 640}
    assert (await api.call("GET", f"{JOBS}/{completed['id']}/result")).json() == {"width": 640}
    assert dead["lastError"] == {"type": "ValueError", "message": "not an image"}
    assert (dead["reason"], dead["attempts"]) == ("AttemptsExhausted", 1)
    [attempt] = (await api.call("GET", f"{JOBS}/{dead['id']}/attempts")).json()["items"]
    assert (attempt["outcome"], attempt["error"]["type"], attempt["worker"]) == ("failed", "ValueError", "w-1")
    missing = await api.call("GET", f"{JOBS}/{dead['id']}/result")
    assert (missing.status_code, missing.json()["reason"]) == (409, "NotCompleted")


@pytest.mark.parametrize(
    ("query", "phases"),
    [
        ("phase=dead_letter", {"dead_letter"}),
        ("phase=queued,running", {"queued", "running"}),
        ("task=nobody", {"queued", "submitted", "cancelled"}),
        ("queue=unserved&phase=queued", {"queued"}),
        ("queue=other", set()),
        ("label=team=a&phase=assigned", {"assigned"}),
        ("label=team=b", set()),
        ("name=unknown", set()),
        ("created_before=2000-01-01T00:00:00Z", set()),
    ],
)
async def test_the_list_filters(api, ids, query, phases):
    answer = await api.call("GET", f"{JOBS}?{query}")

    assert {item["phase"] for item in answer.json()["items"]} == phases
    assert len(answer.json()["items"]) == len(phases)


async def test_pages_follow_one_another_and_leave_nothing_out(api, ids):
    seen: list[str] = []
    path = f"{JOBS}?limit=3&label=team=a"
    while path:
        answer = await api.call("GET", path)
        seen += [item["id"] for item in answer.json()["items"]]
        await api.submit(labels={"team": "a"})
        path = answer.links["next"]["url"] if "link" in answer.headers else ""
        assert ("nextCursor" in answer.json()) == bool(path)

    assert seen == sorted((job for [job] in ids.values()), reverse=True)


async def test_cancel_says_what_became_of_each_phase(api, ids):
    answers = {phase: await api.call("POST", f"{JOBS}/{job}/cancel") for phase, [job] in ids.items()}

    assert {phase: answer.json().get("phase") for phase, answer in answers.items() if answer.status_code == 200} == {
        "submitted": "cancelled",
        "queued": "cancelled",
        "retry_queued": "cancelled",
        "cancelled": "cancelled",
        "assigned": "assigned",
        "running": "running",
    }
    assert answers["running"].json()["cancelRequestedAt"]
    refused = [answers["completed"], answers["dead_letter"]]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(409, "Conflict")] * 2


async def test_rerun_starts_one_run_for_one_request(api, ids):
    job = ids["dead_letter"][0]

    first = await api.call("POST", f"{JOBS}/{job}/rerun", json={"requestId": "once"})
    again = await api.call("POST", f"{JOBS}/{job}/rerun", headers={"Idempotency-Key": "once"})
    live = await api.call("POST", f"{JOBS}/{job}/rerun")

    assert (first.status_code, first.json()["run"], first.json()["phase"]) == (200, 1, "queued")
    assert (again.status_code, again.json()["run"]) == (200, 1)
    assert (live.status_code, live.json()["reason"]) == (409, "NotFinished")


async def test_the_mutable_fields_can_be_changed_and_no_other(api, ids):
    job = f"{JOBS}/{ids['queued'][0]}"

    changed = await api.call("PATCH", job, json={"priority": 7, "suspend": True, "ttlSecondsAfterFailed": 9})
    fixed = await api.call("PATCH", job, json={"task": "other"})
    nothing = await api.call("PATCH", job, json={})

    told = changed.json()
    assert (told["priority"], told["suspend"], told["ttlSecondsAfterFailed"], told["phase"]) == (
        7,
        True,
        9,
        "submitted",
    )
    assert (fixed.status_code, fixed.json()["field"]) == (422, "/task")
    assert nothing.json() == told


@pytest.mark.parametrize("verb", ["cancel", "rerun"])
async def test_acting_on_a_missing_job_is_not_found(api, verb):
    answer = await api.call("POST", f"{JOBS}/{'0' * 32}/{verb}")

    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


async def test_a_bulk_action_previews_and_then_acts_on_the_same_jobs(api, ids):
    preview = await api.call(
        "POST", f"{JOBS}/actions", json={"action": "cancel", "filter": {"task": "nobody"}, "preview": True}
    )
    later = await api.submit(task="nobody")
    done = await api.call("POST", f"{JOBS}/actions", json={"token": preview.json()["token"]})

    assert (preview.json()["matched"], preview.json()["changed"]) == (2, 0)
    assert (done.json()["changed"], done.json()["skipped"]) == (2, 0)
    assert "token" not in done.json()
    assert (await api.call("GET", f"{JOBS}/{later}")).json()["phase"] == "queued"
    assert (await api.call("GET", f"{JOBS}/{ids['submitted'][0]}")).json()["phase"] == "cancelled"


async def test_dead_letters_are_rerun_and_purged_by_filter(api, watched, ids):
    await job_phases.seed(api.engine, watched)
    queue = (await api.call("GET", f"{JOBS}/{ids['dead_letter'][0]}")).json()["queue"]

    rerun = await api.call("POST", f"{JOBS}/actions", json={"action": "rerun", "filter": {"queue": queue}})
    purged = await api.call("POST", f"{JOBS}/actions", json={"action": "purge"})

    assert (rerun.json()["matched"], rerun.json()["changed"]) == (1, 1)
    assert (purged.json()["matched"], purged.json()["changed"]) == (1, 1)
    assert (await api.call("GET", f"{JOBS}?phase=dead_letter")).json()["items"] == []
    await api.accepted()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "/action"),
        ({"action": "delete"}, "/action"),
        ({"action": "cancel", "filter": {"phse": "queued"}}, "/filter/phse"),
        ({"action": "cancel", "filter": {"phase": "completed"}}, "/filter/phase"),
        ({"token": "forged"}, "/token"),
        ({"token": "x", "action": "cancel"}, "/action"),
    ],
)
async def test_a_bad_action_changes_nothing(api, ids, body, field):
    answer = await api.call("POST", f"{JOBS}/actions", json=body)

    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await api.call("GET", f"{JOBS}/{ids['queued'][0]}")).json()["phase"] == "queued"


async def test_explain_says_why_and_what_to_do(api, ids):
    answer = (await api.call("GET", f"{JOBS}/{ids['queued'][0]}/explain")).json()

    assert answer["reason"] == "NoWorkerForTask"
    assert answer["sentence"]
    assert answer["nextSteps"]


async def test_a_long_poll_answers_as_soon_as_the_job_is_finished(api, watched, ids):
    job = ids["queued"][0]
    waiting = asyncio.create_task(api.call("GET", f"{JOBS}/{job}?wait=60"))
    await watched.read()

    await api.engine.cancel([JobRef(namespace="default", id=job)])

    async with asyncio.timeout(30):
        assert (await waiting).json()["phase"] == "cancelled"


async def test_a_long_poll_of_a_finished_job_does_not_wait(api, ids):
    async with asyncio.timeout(30):
        assert (await api.call("GET", f"{JOBS}/{ids['completed'][0]}?wait=60")).json()["phase"] == "completed"


async def test_a_long_poll_ends_with_the_process(api, watched, ids):
    waiting = asyncio.create_task(api.call("GET", f"{JOBS}/{ids['queued'][0]}?wait=60"))
    await watched.read()

    api.lifetime.begin_stopping()

    async with asyncio.timeout(30):
        assert (await waiting).json()["phase"] == "queued"
    assert (await api.call("GET", "/readyz")).json()["reason"] == "Stopping"


@pytest.mark.parametrize("wait", ["61", "-1", "x", "1.5"])
async def test_a_wait_out_of_bounds_is_refused(api, ids, wait):
    answer = await api.call("GET", f"{JOBS}/{ids['queued'][0]}?wait={wait}")

    assert (answer.status_code, answer.json()["field"]) == (422, "wait")


def events_of(text: str) -> list[dict[str, str]]:
    return [
        dict(line.partition(": ")[::2] for line in frame.splitlines() if not line.startswith(":"))
        for frame in text.strip().split("\n\n")
    ]


async def test_the_event_stream_shows_each_snapshot_and_ends_with_the_job(api, watched, ids):
    job = ids["queued"][0]
    streaming = asyncio.create_task(api.call("GET", f"{JOBS}/{job}/events"))
    await watched.read(2)

    await api.engine.cancel([JobRef(namespace="default", id=job)])

    async with asyncio.timeout(30):
        answer = await streaming
    first, *_, last, end = events_of(answer.text)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [json.loads(event["data"])["phase"] for event in (first, last)] == ["queued", "cancelled"]
    assert end == {"event": "end", "data": "{}"}

    resumed = await api.call("GET", f"{JOBS}/{job}/events", headers={"Last-Event-ID": first["id"]})
    assert [json.loads(event["data"]).get("phase") for event in events_of(resumed.text)] == ["cancelled", None]
    over = await api.call("GET", f"{JOBS}/{job}/events", headers={"Last-Event-ID": last["id"]})
    assert over.status_code == 204


async def test_an_event_stream_ends_with_the_process(api, watched, ids):
    streaming = asyncio.create_task(api.call("GET", f"{JOBS}/{ids['running'][0]}/events"))
    await watched.read(2)

    api.lifetime.begin_stopping()

    async with asyncio.timeout(30):
        [event] = events_of((await streaming).text)
    assert json.loads(event["data"])["phase"] == "running"


async def test_artifacts_are_listed_with_links_that_read_them(api, ids):
    job = await api.engine.get(JobRef(namespace="default", id=ids["completed"][0]))
    prefix = lease_prefix("default", job.id, 0, 1, "lease")
    await api.engine._artifacts.put(log_key(prefix, 0), b"resized")

    answer = await api.call("GET", f"{JOBS}/{job.id}/artifacts")
    log, result = answer.json()["items"]

    assert (log["kind"], log["name"], log["sizeBytes"]) == ("log", "log.txt", 7)
    assert (result["kind"], result["name"], result["sizeBytes"]) == ("result", "result.json", len('{"width":640}'))
    assert {(one["run"], one["delivery"]) for one in (log, result)} == {(0, 1)}
    assert prefix.rsplit("/", 1)[1] not in answer.text
    assert (await api.call("GET", log["links"]["content"])).json()["text"] == "resized"
    assert (await api.call("GET", result["links"]["content"])).json() == {"width": 640}
    assert (await api.call("GET", f"{JOBS}/{ids['queued'][0]}/artifacts")).json() == {"items": []}
    missing = await api.call("GET", f"{JOBS}/{'f' * 32}/artifacts")
    assert (missing.status_code, missing.json()["code"]) == (404, "NotFound")


async def test_logs_are_read_in_pieces_and_followed_to_their_end(api, ids):
    job = JobRef(namespace="default", id=ids["completed"][0])
    for number, text in enumerate(["one\n", "two\n"]):
        await api.engine.append_log(
            namespace="default", job=job.id, run=0, delivery=1, lease="0" * 32, number=number, text=text
        )

    whole = (await api.call("GET", f"{JOBS}/{job.id}/logs")).json()
    rest = (await api.call("GET", f"{JOBS}/{job.id}/logs?after=1&delivery=1&run=0")).json()
    followed = await api.call("GET", f"{JOBS}/{job.id}/logs?follow=true")
    resumed = await api.call("GET", f"{JOBS}/{job.id}/logs?follow=true", headers={"Last-Event-ID": "2"})
    missing = await api.call("GET", f"{JOBS}/{job.id}/logs?delivery=9")

    assert whole == {"run": 0, "delivery": 1, "text": "one\ntwo\n", "next": 2, "finished": True}
    assert rest["text"] == "two\n"
    log, end = events_of(followed.text)
    assert (log["event"], log["id"], json.loads(log["data"])["text"], end["event"]) == ("log", "2", "one\ntwo\n", "end")
    assert resumed.status_code == 204
    assert (missing.status_code, missing.json()["code"]) == (404, "NotFound")


async def test_a_running_jobs_log_is_followed_until_its_attempt_ends(api, ids, monkeypatch):
    monkeypatch.setattr(streams, "LOG_POLL_SECONDS", 600.0)
    job = JobRef(namespace="default", id=ids["running"][0])
    lease = "1" * 32
    logs, told = api.engine.logs, asyncio.Queue()

    async def spied(*args, **more):
        page = await logs(*args, **more)
        told.put_nowait(page.text)
        return page

    async def reads(text: str) -> None:
        async with asyncio.timeout(60):
            while await told.get() != text:
                pass

    async def write(number: int, text: str) -> None:
        await api.engine.append_log(
            namespace="default", job=job.id, run=0, delivery=1, lease=lease, number=number, text=text
        )

    await write(0, "first\n")
    monkeypatch.setattr(api.engine, "logs", spied)
    following = asyncio.create_task(api.call("GET", f"{JOBS}/{job.id}/logs?follow=true"))
    await reads("first\n")
    await reads("")  # and so it waits
    await write(1, "second\n")
    await reads("second\n")
    api.lifetime.begin_stopping()

    async with asyncio.timeout(30):
        pieces = [json.loads(event["data"])["text"] for event in events_of((await following).text)]
    assert pieces == ["first\n", "second\n"]


async def test_following_a_job_that_never_ran_ends(api, ids):
    async with asyncio.timeout(30):
        answer = await api.call("GET", f"{JOBS}/{ids['cancelled'][0]}/logs?follow=true")
    assert [event["event"] for event in events_of(answer.text)] == ["end"]
