"""People on REST: their tokens and rights are what a real API server says they are."""

from __future__ import annotations

import asyncio
import time

import pytest

AUDIENCE = "taskjob"


async def test_without_a_right_ones_own_namespace_says_so_and_any_other_is_not_there(api, people, media, other):
    token = people.token(media, "ci", AUDIENCE)

    refused = await api.submit(token, media)
    assert (refused.status_code, refused.json()["reason"]) == (403, "MissingRight")
    assert f"system:serviceaccount:{media}:ci may not create taskjobs.taskjob.dev" in refused.json()["detail"]
    assert await api.jobs(token, other) == await api.jobs(token, "no-such-namespace") == (404, "NotFound")


@pytest.mark.parametrize(
    ("role", "statuses"), [("view", (200, 403, 403)), ("edit", (200, 201, 200)), ("admin", (200, 201, 200))]
)
async def test_the_roles_of_every_cluster_are_enough(api, people, media, other, role, statuses):
    user = f"system:serviceaccount:{media}:ci"
    people.bind(media, user, role)
    people.bind(other, user, role)
    token = people.token(media, "ci", AUDIENCE)
    purge = {"action": "purge", "preview": True}
    for namespace in (media, other):
        listed = (await api.jobs(token, namespace))[0]
        made = (await api.submit(token, namespace)).status_code
        bulk = (await api.call(token, "POST", f"/v1/namespaces/{namespace}/jobs/actions", purge)).status_code
        assert (listed, made, bulk) == statuses


async def test_each_verb_opens_its_calls_and_no_other(api, people, media):
    user = f"system:serviceaccount:{media}:ci"
    people.bind(media, user, "edit")
    maker = people.token(media, "ci", AUDIENCE)
    job = (await api.submit(maker, media)).json()["id"]
    calls = {
        ("create", "taskjobs"): ("POST", "jobs", {"task": "noop"}),
        ("get", "taskjobs"): ("GET", f"jobs/{job}", None),
        ("list", "taskjobs"): ("GET", "jobs", None),
        ("update", "taskjobs"): ("POST", f"jobs/{job}/cancel", None),
        ("deletecollection", "taskjobs"): ("POST", "jobs/actions", {"action": "purge", "preview": True}),
        ("list", "taskqueues"): ("GET", "queues", None),
        ("update", "taskqueues"): ("POST", "queues/default/pause", None),
    }
    for number, right in enumerate(calls):
        account = f"only-{number}"
        name = people.account(media, account)
        rule = {"apiGroups": ["taskjob.dev"], "resources": [right[1]], "verbs": [right[0]]}
        people.bind(media, name, people.role(media, rule), kind="Role")
        token = people.token(media, account, AUDIENCE)
        opened = {
            called: (await api.call(token, method, f"/v1/namespaces/{media}/{path}", body)).status_code < 300
            for called, (method, path, body) in calls.items()
        }
        assert opened == {called: called == right for called in calls}


async def test_a_token_of_the_api_server_itself_is_refused(api, people, media):
    people.bind(media, f"system:serviceaccount:{media}:ci", "admin")
    assert await api.jobs(people.token(media, "ci"), media) == (401, "Unauthenticated")
    assert await api.jobs(people.token(media, "ci", "https://elsewhere"), media) == (401, "Unauthenticated")


async def test_an_expired_a_forged_and_an_ended_token_are_refused(api, people, media, sign):
    people.bind(media, f"system:serviceaccount:{media}:ci", "view")
    token = people.token(media, "ci", AUDIENCE)
    now = int(time.time())
    assert await api.jobs(sign(token, exp=now + 600), media) == (200, None), "the key is the cluster's"

    late = await api.call(
        sign(token, exp=now - 30, iat=now - 600, nbf=now - 600), "GET", f"/v1/namespaces/{media}/jobs"
    )
    long_over = await api.call(sign(token, exp=now - 3600), "GET", f"/v1/namespaces/{media}/jobs")
    assert (long_over.status_code, long_over.json()["reason"]) == (401, "Expired")
    assert late.status_code in {200, 401}, "within the leeway of the API server, which it alone decides"
    head, body, signature = token.split(".")
    assert await api.jobs(f"{head}.{body}.{signature[:-4]}AAAA", media) == (401, "Unauthenticated")

    people.account(media, "leaver")
    ended = people.token(media, "leaver", AUDIENCE)
    people.call("DELETE", f"/api/v1/namespaces/{media}/serviceaccounts/leaver")
    end = time.monotonic() + 60
    while await api.jobs(ended, media) != (401, "Unauthenticated"):  # the API server hears of its end a moment later
        assert time.monotonic() < end, "it is as good as ever"
        await asyncio.sleep(0.2)


async def test_while_the_api_server_is_down_nobody_is_let_in(api, people, media):
    people.bind(media, f"system:serviceaccount:{media}:ci", "view")
    token, fresh = people.token(media, "ci", AUDIENCE), people.token(media, "ci", AUDIENCE)
    assert await api.jobs(token, media) == (200, None)

    await api.relay.down()
    answer = await api.call(fresh, "GET", f"/v1/namespaces/{media}/jobs")
    assert (answer.status_code, answer.json()["code"], "retry-after" in answer.headers) == (503, "Unavailable", True)
    assert await api.jobs(token, media) == (200, None), "reviewed seconds ago"

    await api.relay.up()
    assert await api.jobs(fresh, media) == (200, None)
