"""Worker pods on the gateway: their namespace, their queues and their leases, by tokens of a real API server."""

from __future__ import annotations

import asyncio

import pytest

from taskjob.model import AttemptOutcome
from taskjob.wire.messages import Failure, Held, Resume, Settle, Update, Welcome

WORKER = "taskjob-worker"


def pod_token(people, namespace, account="w"):
    pod = people.pod(namespace, account)
    return people.token(namespace, account, WORKER, pod=pod), pod


async def submitted(api, people, namespace, **document):
    people.bind(namespace, f"system:serviceaccount:{namespace}:ci", "edit")
    answer = await api.submit(people.token(namespace, "ci", "taskjob"), namespace, **document)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def taken(api, token, welcome):
    update = await api.exchange(token, welcome, want=1, wait_seconds=10.0)
    assert isinstance(update, Update), update
    [grant] = update.jobs
    return grant


async def test_a_pod_serves_every_queue_of_its_own_namespace(api, people, media):
    token, pod = pod_token(people, media)
    job = await submitted(api, people, media)

    welcome = await api.register(token, "default", "images", "anything")
    assert (type(welcome), welcome.namespace) == (Welcome, media)
    grant = await taken(api, token, welcome)
    assert grant.job == job
    done = Settle(job=grant.job, lease=grant.lease, outcome=AttemptOutcome.COMPLETED)
    assert (await api.exchange(token, welcome, settle=(done,))).verdicts == ()
    assert pod["uid"]


async def test_another_namespaces_queue_only_by_a_right_of_that_name(api, people, media, other):
    user = f"system:serviceaccount:{media}:w"
    token, _ = pod_token(people, media)
    assert (await api.register(token, "images", namespace=other)).code == "Forbidden"
    assert (await api.register(token, "images", namespace="no-such-namespace")).code == "Forbidden"

    role = people.role(
        other,
        {
            "apiGroups": ["taskjob.dev"],
            "resources": ["taskqueues/leases"],
            "resourceNames": ["images"],
            "verbs": ["create"],
        },
    )
    people.bind(other, user, role, kind="Role")
    granted, _ = pod_token(people, media)  # the refusal of the other is kept for seconds
    welcome = await api.register(granted, "images", namespace=other)
    assert (type(welcome), welcome.namespace) == (Welcome, other)
    assert (await api.register(granted, "mail", namespace=other)).code == "Forbidden"
    assert (await api.register(granted, "images", "mail", namespace=other)).code == "Forbidden"

    people.bind(other, f"system:serviceaccount:{media}:w2", "edit")
    editor, _ = pod_token(people, media, "w2")
    assert (await api.register(editor, "images", namespace=other)).code == "Forbidden", "edit is not lease"


async def test_another_pods_lease_is_out_of_reach(api, people, media):
    mine, _ = pod_token(people, media)
    thief, _ = pod_token(people, media)  # of the same ServiceAccount
    await submitted(api, people, media)
    welcome, own = await api.register(mine), await api.register(thief)
    grant = await taken(api, mine, welcome)
    theft = Settle(job=grant.job, lease=grant.lease, outcome=AttemptOutcome.COMPLETED)

    assert (await api.exchange(thief, welcome, settle=(theft,))).code == "SessionGone"
    resume = Resume(
        protocol=(1,),
        session=welcome.session,
        epoch=welcome.epoch,
        holding=(Held(job=grant.job, lease=grant.lease),),
    )
    assert (await api.say(thief, resume)).code == "SessionGone"
    [verdict] = (await api.exchange(thief, own, settle=(theft,))).verdicts
    assert (verdict.verdict, verdict.reason) == ("stale", "WrongWorker")
    held = (Held(job=grant.job, lease=grant.lease),)
    assert (await api.exchange(mine, welcome, settle=(theft,), holding=held)).verdicts == ()


async def test_a_workers_token_opens_no_rest_and_a_persons_no_gateway(api, people, media):
    people.bind(media, f"system:serviceaccount:{media}:w", "admin")
    token, _ = pod_token(people, media)
    for method, path, body in (("GET", "jobs", None), ("POST", "jobs", {"task": "noop"}), ("GET", "queues", None)):
        answer = await api.call(token, method, f"/v1/namespaces/{media}/{path}", body)
        assert (answer.status_code, answer.json()["reason"]) == (403, "WrongAudience")
    person = people.token(media, "w", "taskjob", pod=people.pod(media, "w"))
    assert (await api.register(person)).code == "Forbidden"
    assert (await api.register(people.token(media, "w", "taskjob"))).code == "Forbidden"


async def test_a_token_without_a_pod_is_no_workers(api, people, media):
    refused = await api.register(people.token(media, "w", WORKER))
    assert (type(refused), refused.code) == (Failure, "Unauthenticated")
    assert "bound to its pod" in refused.detail
    assert (await api.register(people.token(media, "w"))).code == "Unauthenticated"


async def test_the_operators_token_is_its_own(api, people, media, system):
    audience = "taskjob-operator"
    people.account(system, "impostor")
    for namespace, account in ((media, "w"), (system, "impostor")):
        assert await api.jobs(people.token(namespace, account, audience), media) == (401, "Unauthenticated")
    operator = people.token(system, "taskjob-operator", audience)
    asked = await api.call(operator, "POST", "/operator/v1/jobs/disown", {"items": []})
    assert asked.status_code in {200, 422}, (
        asked.text
    )  # let in; whether an empty list makes sense is the door's business
    for stranger in (people.token(system, "taskjob-operator", "taskjob"), pod_token(people, media)[0]):
        refused = await api.call(stranger, "POST", "/operator/v1/jobs/disown", {"items": []})
        assert (refused.status_code, refused.json()["reason"]) == (403, "MissingScope")
    assert await api.jobs(operator, system) == (403, "Forbidden")
    assert await api.jobs(operator, media) == (404, "NotFound")
    assert (await api.register(operator)).code == "Forbidden"


@pytest.fixture
def reviewed_often(monkeypatch):
    monkeypatch.setattr("taskjob_api.identity.door.WORKER_REVIEW_SECONDS", 0.3)
    monkeypatch.setattr("taskjob_api.identity.reviews.YES_SECONDS", 0.0)
    monkeypatch.setattr("taskjob_api.identity.reviews.NO_SECONDS", 0.0)


async def test_a_standing_connection_ends_with_its_pod(api, people, media, reviewed_often):
    token, pod = pod_token(people, media)
    with api.connection(token) as messages:
        assert isinstance(await asyncio.to_thread(next, messages), Welcome)
        people.http.request("DELETE", f"/api/v1/namespaces/{media}/pods/{pod['name']}", json={"gracePeriodSeconds": 0})
        told = await asyncio.to_thread(next, messages)
        assert (type(told), told.code) == (Failure, "Unauthenticated")
    assert (await api.register(token)).code == "Unauthenticated"


async def test_a_standing_connection_ends_with_its_right_elsewhere(api, people, media, other, reviewed_often):
    rule = {"apiGroups": ["taskjob.dev"], "resources": ["taskqueues/leases"], "verbs": ["create"]}
    binding = people.bind(other, f"system:serviceaccount:{media}:w", people.role(other, rule), kind="Role")
    token, _ = pod_token(people, media)
    with api.connection(token, "images", namespace=other) as messages:
        assert isinstance(await asyncio.to_thread(next, messages), Welcome)
        people.call("DELETE", binding)
        told = await asyncio.to_thread(next, messages)
        assert (type(told), told.code) == (Failure, "Forbidden")


async def test_a_standing_connection_outlives_an_outage_of_the_api_server(api, people, media, reviewed_often):
    token, _ = pod_token(people, media)
    with api.connection(token) as messages:
        welcome = await asyncio.to_thread(next, messages)
        await api.relay.down()
        assert (await api.register(token)).code == "Unavailable"
        await asyncio.sleep(1.5)  # several reviews
        await api.relay.up()
        job = await submitted(api, people, media)
        assert isinstance(welcome, Welcome)
        assert job
