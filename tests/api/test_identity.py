"""REST in a cluster: whose token it is and what its owner may do, both asked of the API server, kept for seconds."""

from __future__ import annotations

import time

import pytest
from scripted_api_server import RIGHTS, TOKENS, ScriptedApiServer, signed

from taskjob.errors import ForbiddenError, InvalidError, UnauthenticatedError
from taskjob.model.times import SECOND
from taskjob_api.app import build_door, build_engine
from taskjob_api.auth import TokenDoor
from taskjob_api.identity.door import KubernetesDoor
from taskjob_api.kubernetes.api_server import ApiServer
from taskjob_api.kubernetes.target import from_kubeconfig
from taskjob_api.rights import Right
from taskjob_api.settings import ApiSettings, read_settings
from taskjob_api.tokens import Scope, create_token

NOW = 1_800_000_000 * SECOND
CI = "system:serviceaccount:media:ci"


class Cluster:
    def __init__(self, kube, folder):
        self.kube = kube
        self.file = folder / "tokens.json"
        self.seconds = [100.0]
        self.door = KubernetesDoor(
            ApiServer(from_kubeconfig(kube.kubeconfig(folder))),
            audience="taskjob",
            operator="taskjob-system/taskjob-operator",
            static=TokenDoor(self.file, now=lambda: NOW),
            monotonic=lambda: self.seconds[0],
        )

    async def enter(self, token):
        return await self.door.authenticate(token, peer_is_loopback=False)

    def allow(self, user, verbs, resource="taskjobs", namespace="media"):
        self.kube.rights |= {(user, verb, resource, namespace) for verb in verbs.split()}


@pytest.fixture
async def cluster(tmp_path):
    server = ScriptedApiServer()
    await server.start()
    found = Cluster(server, tmp_path)
    yield found
    await found.door.close()
    await server.stop()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def told(api, token, method, path, namespace="media", **options):
    answer = await api.call(method, f"/v1/namespaces/{namespace}/{path}", headers=bearer(token), **options)
    return answer.status_code, answer.json().get("code"), answer


CALLS = [
    ("create taskjobs", "POST", "jobs", {"json": {"task": "a"}}, 201),
    ("create taskjobs", "POST", "jobs/batch", {"json": {"items": []}}, 200),
    ("list taskjobs", "GET", "jobs", {}, 200),
    ("list taskjobs", "GET", "stats", {}, 200),
    ("get taskjobs", "GET", "jobs/{id}", {}, 200),
    ("get taskjobs", "GET", "jobs/{id}/attempts", {}, 200),
    ("get taskjobs", "GET", "jobs/{id}/explain", {}, 200),
    ("get taskjobs", "GET", "jobs/{id}/result", {}, 409),
    ("get taskjobs", "GET", "jobs/{id}/logs", {}, 200),
    ("update taskjobs", "PATCH", "jobs/{id}", {"json": {"priority": 1}}, 200),
    ("update taskjobs", "POST", "jobs/{id}/cancel", {}, 200),
    ("update taskjobs", "POST", "jobs/{id}/rerun", {}, 409),
    ("deletecollection taskjobs", "POST", "jobs/actions", {"json": {"action": "purge", "preview": True}}, 200),
    ("list taskqueues", "GET", "queues", {}, 200),
    ("list taskqueues", "GET", "workers", {}, 200),
    ("get taskqueues", "GET", "queues/default", {}, 200),
    ("update taskqueues", "POST", "queues/default/pause", {}, 200),
    ("update taskqueues", "POST", "queues/default/resume", {}, 200),
]


@pytest.mark.parametrize(("right", "method", "path", "options", "status"), CALLS, ids=[f"{c[1]} {c[2]}" for c in CALLS])
async def test_each_call_needs_what_kubernetes_calls_the_same(start_api, cluster, right, method, path, options, status):
    verb, resource = right.split()
    cluster.file.write_text('{"version": 1, "tokens": []}')
    maker, _ = create_token(cluster.file, scopes=[Scope.SUBMIT], now=NOW, namespaces=["media"])
    api = await start_api(door=cluster.door)
    (_, _, made) = await told(api, maker, "POST", "jobs", json={"task": "a"})
    path = path.replace("{id}", made.json()["id"])
    allowed, other = cluster.kube.knows(CI, "taskjob"), cluster.kube.knows("jane", "taskjob")
    cluster.allow(CI, verb, resource)
    cluster.allow("jane", "get list create update delete patch watch deletecollection", "pods")
    cluster.allow("jane", "get list create update delete patch watch deletecollection", resource, "other")
    cluster.allow("jane", verb, f"{resource}/status")

    assert status == (await told(api, allowed, method, path, **options))[0]
    assert (404, "NotFound") == (await told(api, other, method, path, **options))[:2]


async def test_a_queue_is_put_by_who_may_create_and_update_it(start_api, cluster):
    api = await start_api(door=cluster.door)
    token = cluster.kube.knows(CI, "taskjob")
    cluster.allow(CI, "update", "taskqueues")
    assert (403, "Forbidden") == (await told(api, token, "PUT", "queues/images", json={}))[:2]
    cluster.allow(CI, "create", "taskqueues")
    cluster.seconds[0] += 5
    assert 200 == (await told(api, token, "PUT", "queues/images", json={}))[0]


async def test_in_ones_own_namespace_the_missing_right_is_named_elsewhere_nothing(start_api, cluster):
    api = await start_api(door=cluster.door)
    account = cluster.kube.knows(CI, "taskjob")  # at home in media, without any right
    reader = cluster.kube.knows("jane", "taskjob")
    cluster.allow("jane", "list")

    for token, name in ((account, CI), (reader, "jane")):
        status, code, answer = await told(api, token, "POST", "jobs", json={"task": "a"})
        assert (status, code, answer.json()["reason"]) == (403, "Forbidden", "MissingRight")
        assert answer.json()["detail"] == f"{name} may not create taskjobs.taskjob.dev in namespace 'media'"
        foreign = await told(api, token, "POST", "jobs", "other", json={"task": "a"})
        missing = await told(api, token, "POST", "jobs", "nowhere", json={"task": "a"})
        assert foreign[:2] == missing[:2] == (404, "NotFound")
        assert foreign[2].json()["detail"].replace("other", "X") == missing[2].json()["detail"].replace("nowhere", "X")


async def test_the_alias_is_the_namespace_of_the_service_account(start_api, cluster):
    api = await start_api(door=cluster.door)
    cluster.allow(CI, "create")
    answer = await api.call("POST", "/jobs", json={"task": "a"}, headers=bearer(cluster.kube.knows(CI, "taskjob")))
    assert answer.headers["location"].startswith("/v1/namespaces/media/jobs/")


async def test_reviews_are_kept_for_seconds_and_a_right_taken_away_is_missed_then(start_api, cluster):
    api = await start_api(door=cluster.door)
    token = cluster.kube.knows(CI, "taskjob")
    cluster.allow(CI, "list")
    for _ in range(50):
        assert 200 == (await told(api, token, "GET", "jobs"))[0]
    assert (1, 1) == (len(cluster.kube.asked_of(TOKENS)), len(cluster.kube.asked_of(RIGHTS)))

    cluster.kube.rights.clear()
    cluster.seconds[0] += 30
    assert 403 == (await told(api, token, "GET", "jobs"))[0]
    cluster.allow(CI, "list")
    cluster.seconds[0] += 5
    assert 200 == (await told(api, token, "GET", "jobs"))[0]
    cluster.kube.tokens.clear()
    cluster.seconds[0] += 30
    assert 401 == (await told(api, token, "GET", "jobs"))[0]


async def test_without_the_api_server_nobody_is_let_in_and_nobody_refused(start_api, cluster, caplog):
    api = await start_api(door=cluster.door)
    known, fresh = cluster.kube.knows(CI, "taskjob"), cluster.kube.knows("jane", "taskjob")
    cluster.file.write_text('{"version": 1, "tokens": []}')
    static, _ = create_token(cluster.file, scopes=[Scope.READ], now=NOW, namespaces=["media"])
    cluster.allow(CI, "list")
    assert 200 == (await told(api, known, "GET", "jobs"))[0]
    cluster.kube.fault = 503

    status, code, answer = await told(api, fresh, "GET", "jobs")
    assert (status, code, answer.headers["retry-after"]) == (503, "Unavailable", "7")
    assert 200 == (await told(api, known, "GET", "jobs"))[0], "a review of seconds ago counts"
    assert 503 == (await told(api, known, "POST", "jobs", json={"task": "a"}))[0], "what was not asked yet does not"
    cluster.seconds[0] += 30
    assert 503 == (await told(api, known, "GET", "jobs"))[0], "and old answers are not stretched"
    assert 200 == (await told(api, static, "GET", "jobs"))[0], "static tokens need nobody"
    assert not any(secret in caplog.text for secret in (known, fresh, static))

    cluster.kube.fault = None
    assert 200 == (await told(api, known, "GET", "jobs"))[0]


async def test_a_workers_and_the_operators_token_open_no_rest(start_api, cluster):
    api = await start_api(door=cluster.door)
    worker = cluster.kube.knows("system:serviceaccount:media:w", "taskjob-worker", pod="u-1")
    operator = cluster.kube.knows("system:serviceaccount:taskjob-system:taskjob-operator", "taskjob-operator")
    for user in ("system:serviceaccount:media:w", "system:serviceaccount:taskjob-system:taskjob-operator"):
        cluster.allow(user, "get list create update deletecollection")
        cluster.allow(user, "get list create update deletecollection", namespace="taskjob-system")

    for token, home in ((worker, "media"), (operator, "taskjob-system")):
        for method, path, options in (("GET", "jobs", {}), ("POST", "jobs", {"json": {"task": "a"}})):
            status, _, answer = await told(api, token, method, path, home, **options)
            assert (status, answer.json()["reason"]) == (403, "WrongAudience")
            assert 404 == (await told(api, token, method, path, "other", **options))[0]
    assert cluster.kube.asked_of(RIGHTS) == [], "no right makes up for the audience"


async def test_what_a_token_is_for_decides_its_audience(cluster):
    knows = cluster.kube.knows
    worker = await cluster.enter(knows("system:serviceaccount:media:w", "taskjob-worker", pod="u-1"))
    assert (worker.name, worker.namespace, worker.scopes) == ("pod:u-1", "media", {Scope.WORKER})
    assert worker.review_seconds == 600

    operator = await cluster.enter(knows("system:serviceaccount:taskjob-system:taskjob-operator", "taskjob-operator"))
    assert operator.scopes == {Scope.OPERATOR}
    operator.require_operator()

    person = await cluster.enter(knows("jane@example.com", "taskjob"))
    assert (person.name, person.namespace, person.scopes) == ("user:jane@example.com", "default", frozenset())
    with pytest.raises(ForbiddenError):
        person.require_operator()

    both = await cluster.enter(knows("system:serviceaccount:media:w", "taskjob", "taskjob-worker", pod="u-2"))
    assert (both.name, both.scopes, both.rest) == ("pod:u-2", {Scope.WORKER}, True)


@pytest.mark.parametrize(
    ("username", "audience", "extra", "reason"),
    [
        ("system:serviceaccount:media:w", "taskjob-worker", {}, "NoPod"),
        ("jane", "taskjob-worker", {"pod": "u-1"}, "NoPod"),
        ("system:serviceaccount:media:taskjob-operator", "taskjob-operator", {}, "NotOperator"),
        ("system:serviceaccount:taskjob-system:other", "taskjob-operator", {}, "NotOperator"),
        ("taskjob-system/taskjob-operator", "taskjob-operator", {}, "NotOperator"),
        ("jane", "https://kubernetes.default.svc", {}, None),
    ],
)
async def test_a_good_token_that_proves_too_little_is_none(cluster, username, audience, extra, reason):
    with pytest.raises(UnauthenticatedError) as caught:
        await cluster.enter(cluster.kube.knows(username, audience, **extra))
    assert caught.value.reason == reason


async def test_an_expired_token_is_told_so_and_long_over_nobody_is_asked(cluster):
    for age, asked in ((3600, 0), (30, 1)):
        with pytest.raises(UnauthenticatedError) as caught:
            await cluster.enter(signed(exp=time.time() - age))
        assert (caught.value.reason, len(cluster.kube.asked)) == ("Expired", asked)
    late = cluster.kube.knows("jane", "taskjob", claims={"exp": time.time() - 30})
    assert (await cluster.enter(late)).name == "user:jane", "the clock of whoever signs it counts"


@pytest.mark.parametrize(
    "token",
    ["", "nonsense", "a.b", "a.b.c.d", "a..c", "a.!.c", "a.bm90IGpzb24.c", "a." + "b" * 20_000 + ".c", "k8s-aws-v1.x"],
)
async def test_nobody_is_asked_about_what_is_no_token(cluster, token):
    with pytest.raises(UnauthenticatedError):
        await cluster.enter(token)
    with pytest.raises(UnauthenticatedError):
        await cluster.enter(None)
    assert cluster.kube.asked == []


async def test_a_static_tokens_prefix_asks_nobody_and_finds_nobody(cluster):
    cluster.file.write_text('{"version": 1, "tokens": []}')
    with pytest.raises(UnauthenticatedError):
        await cluster.enter("taskjob_0123_x")
    assert cluster.kube.asked == []


async def test_a_worker_serves_its_own_namespace_and_elsewhere_what_it_may(cluster):
    user = "system:serviceaccount:media:w"
    worker = await cluster.enter(cluster.kube.knows(user, "taskjob-worker", pod="u-1"))
    cluster.kube.rights |= {(user, "create", "taskqueues/leases", "other", "images")}
    cluster.allow(user, "create update get", "taskqueues", "third")

    assert await worker.may_serve("media", "anything")
    assert cluster.kube.asked_of(RIGHTS) == []
    assert await worker.may_serve("other", "images")
    assert not await worker.may_serve("other", "mail")
    assert not await worker.may_serve("third", "images")
    assert not await worker.may_serve("media", "")
    person = await cluster.enter(cluster.kube.knows(user, "taskjob"))
    assert not await person.may_serve("media", "images")


async def test_a_workers_tasks_submit_where_it_serves_and_elsewhere_by_the_right_to_create(cluster):
    user = "system:serviceaccount:media:w"
    worker = await cluster.enter(cluster.kube.knows(user, "taskjob-worker", pod="u-1"))
    cluster.kube.rights |= {(user, "create", "taskqueues/leases", "other", "images")}
    cluster.allow(user, "create", namespace="third")

    assert await worker.may_submit("media", "anything")
    assert await worker.may_submit("other", "images")
    assert not await worker.may_submit("other", "mail")
    assert await worker.may_submit("third", "mail")


async def test_every_right_has_its_verbs_on_a_resource_of_ours():
    assert {right.resource for right in Right} == {"taskjobs", "taskqueues"}
    assert not {Scope.WORKER, Scope.OPERATOR} & {right.scope for right in Right}


async def test_the_settings_choose_the_door(cluster, tmp_path, monkeypatch):
    kubeconfig = str(cluster.kube.kubeconfig(tmp_path))
    settings, unknown = read_settings(
        {"TASKJOB_AUTH": "kubernetes", "TASKJOB_KUBECONFIG": kubeconfig, "TASKJOB_STORE": "memory://"},
        tokens_file=str(cluster.file),
    )
    engine = build_engine(settings)
    door = build_door(settings, engine)
    assert unknown == ()
    assert (await door.authenticate(cluster.kube.knows("jane", "taskjob"), peer_is_loopback=True)).name == "user:jane"
    await door.close()
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InvalidError, match="no ServiceAccount"):
        build_door(ApiSettings(auth="kubernetes", store="memory://"), engine)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AUDIENCE", "taskjob-worker"),
        ("AUDIENCE", "taskjob-operator"),
        ("AUDIENCE", "two words"),
        ("OPERATOR_SERVICE_ACCOUNT", "taskjob-operator"),
        ("OPERATOR_SERVICE_ACCOUNT", "system:serviceaccount:a:b"),
    ],
)
def test_an_audience_or_operator_that_cannot_be_is_refused(variable, value):
    with pytest.raises(InvalidError) as caught:
        read_settings({"TASKJOB_AUTH": "kubernetes", f"TASKJOB_{variable}": value})
    assert caught.value.field == f"TASKJOB_{variable}"
