"""jobs/owned and orphans: the sweep finds what has no object any more, and a person releases its brake."""

from __future__ import annotations

import pytest
from operator_side import CLUSTER, OperatorSide, declared, owner

from taskjob.model.times import SECOND
from taskjob_api.operator_door.orphans import MAX_CLUSTERS
from taskjob_api.tokens import Scope, create_token
from taskjob_engine.stores.sqlite import SQLiteStore

NOW = 1_800_000_000 * SECOND


def report(total=None, jobs=(), **more):
    return {"clusterId": CLUSTER, "total": len(jobs) if total is None else total, "jobs": list(jobs)} | more


async def orphans_of(operator, *uids):
    """Live jobs of these objects, as the sweep reads them."""
    await operator.ensure(*(declared(uid) for uid in uids))
    return (await operator.told("jobs/owned", {"clusterId": CLUSTER}))["jobs"]


async def test_live_jobs_are_told_page_after_page(api, operator):
    uids = [f"u{number}" for number in range(5)]
    await operator.ensure(*(declared(uid) for uid in uids), declared("done", cancel=True))
    await api.submit()

    pages, after = [], None
    while not pages or after is not None:
        body = {"clusterId": CLUSTER, "limit": 2} | ({} if after is None else {"after": after})
        told = await operator.told("jobs/owned", body)
        pages.append(told["jobs"])
        after = told.get("after")

    assert [job["owner"]["uid"] for page in pages for job in page] == uids
    assert all(job["createdAt"] <= told["now"] for page in pages for job in page)
    assert (await operator.told("jobs/owned", {"clusterId": "c9"}))["jobs"] == []


async def test_a_report_waits_for_a_person_and_is_cleared(api, operator):
    jobs = await orphans_of(operator, "u1", "u2")

    waiting = await operator.told("orphans", report(jobs=jobs))
    [shown] = (await api.call("GET", "/v1/orphans")).json()["items"]
    metric = (await api.call("GET", "/metrics")).text
    confirmed = await api.call("POST", "/v1/orphans/confirm", json={"clusterId": CLUSTER, "total": 2})
    after = await operator.told("orphans", report(jobs=jobs[:1]))
    cleared = await operator.told("orphans", report())

    assert waiting == {"confirmed": False}
    assert (shown["total"], shown["namespaces"], shown["confirmed"]) == (2, ["default"], False)
    assert [(one["job"], one["owner"]) for one in shown["items"]] == [
        (job["job"], job["owner"]["name"]) for job in jobs
    ]
    assert 'taskjob_orphaned_jobs{cluster="c1"} 2.0' in metric
    assert (confirmed.status_code, confirmed.json()["confirmed"]) == (200, True)
    assert (after, cleared) == ({"confirmed": True}, {"confirmed": False})
    assert (await api.call("GET", "/v1/orphans")).json()["items"] == []
    assert "taskjob_orphaned_jobs{" not in (await api.call("GET", "/metrics")).text


async def test_more_than_a_person_saw_is_not_confirmed(api, operator):
    jobs = await orphans_of(operator, "u1", "u2")
    await operator.told("orphans", report(total=600, jobs=jobs, namespaces=["default"]))

    too_few = await api.call("POST", "/v1/orphans/confirm", json={"clusterId": CLUSTER, "total": 500})
    await api.call("POST", "/v1/orphans/confirm", json={"clusterId": CLUSTER, "total": 600})
    grown = await operator.told("orphans", report(total=601, jobs=jobs))

    assert (too_few.status_code, too_few.json()["reason"]) == (409, "ReportChanged")
    assert grown == {"confirmed": False}


async def test_another_clusters_report_is_its_own(api, operator):
    await operator.told("orphans", report(total=5, namespaces=["default"]))

    answers = [
        await api.call("POST", "/v1/orphans/confirm", json=body)
        for body in ({"clusterId": "c9", "total": 5}, {"clusterId": CLUSTER}, {"clusterId": CLUSTER, "total": 0})
    ]

    assert [answer.status_code for answer in answers] == [404, 422, 422]


async def test_only_who_administers_every_namespace_concerned_sees_and_confirms(start_api, tmp_path):
    file = tmp_path / "tokens.json"
    tokens = {
        name: create_token(file, scopes=[scope], namespaces=namespaces, now=NOW)[0]
        for name, scope, namespaces in (
            ("operator", Scope.OPERATOR, ["*"]),
            ("all", Scope.ADMIN, ["*"]),
            ("both", Scope.ADMIN, ["default", "other"]),
            ("one", Scope.ADMIN, ["default"]),
            ("control", Scope.CONTROL, ["*"]),
        )
    }
    api = await start_api(tokens=file, store=SQLiteStore(tmp_path / "taskjob.db"))
    headers = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    operator = OperatorSide(api.client, **headers["operator"])
    await operator.ensure(declared("u1"), declared("u2") | {"owner": owner("u2", namespace="other")})
    jobs = (await operator.told("jobs/owned", {"clusterId": CLUSTER}))["jobs"]
    await operator.told("orphans", report(jobs=jobs))

    async def seen_and_confirmed(name):
        listed = (await api.call("GET", "/v1/orphans", headers=headers[name])).json()["items"]
        body = {"clusterId": CLUSTER, "total": 2}
        return len(listed), (
            await api.call("POST", "/v1/orphans/confirm", json=body, headers=headers[name])
        ).status_code

    assert [await seen_and_confirmed(name) for name in ("one", "control", "both", "all")] == [
        (0, 404),
        (0, 404),
        (1, 200),
        (1, 200),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (report(total=-1), "/total"),
        ({"clusterId": CLUSTER, "total": 0, "jobs": [{"job": "0" * 32, "owner": owner(), "createdAt": 1}]}, "/total"),
        ({"clusterId": "", "total": 0}, "/clusterId"),
        (report(total=3), "/namespaces"),
    ],
)
async def test_a_report_that_makes_no_sense_is_refused(operator, body, field):
    answer = await operator.post("orphans", body)

    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_two_clusters_do_not_touch_each_others_reports(api, operator):
    for cluster, total in (("east", 3), ("west", 7)):
        await operator.told("orphans", report(total=total, namespaces=["default"]) | {"clusterId": cluster})

    confirmed = (await api.call("POST", "/v1/orphans/confirm", json={"clusterId": "west", "total": 7})).json()
    east = await operator.told("orphans", report(total=3, namespaces=["default"]) | {"clusterId": "east"})
    west = await operator.told("orphans", report(total=6, namespaces=["default"]) | {"clusterId": "west"})
    await operator.told("orphans", {"clusterId": "west", "total": 0})
    [left] = (await api.call("GET", "/v1/orphans")).json()["items"]

    assert (confirmed["clusterId"], confirmed["total"]) == ("west", 7)
    assert (east, west) == ({"confirmed": False}, {"confirmed": True})
    assert (left["clusterId"], left["total"], left["confirmed"]) == ("east", 3, False)


async def test_the_reports_of_many_clusters_are_bounded(operator):
    answers = [
        await operator.post("orphans", report(total=1, namespaces=["default"]) | {"clusterId": f"c{number}"})
        for number in range(MAX_CLUSTERS + 1)
    ]

    assert [answer.status_code for answer in answers] == [200] * MAX_CLUSTERS + [429]
