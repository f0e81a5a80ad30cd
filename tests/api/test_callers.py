"""Who may call: tokens, scopes, namespaces, expiry and revocation; Host and Origin on the open door."""

from __future__ import annotations

import stat

import pytest

from taskjob.errors import InvalidError, NotFoundError, UnauthenticatedError, UnavailableError
from taskjob.model.times import SECOND
from taskjob_api.auth import RECHECK_SECONDS, OpenDoor, TokenDoor
from taskjob_api.tokens import Scope, create_token, hash_token, read_tokens, revoke_token

NOW = 1_800_000_000 * SECOND


@pytest.fixture
def file(tmp_path):
    return tmp_path / "tokens.json"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_without_a_token_nothing_but_health_is_told(start_api, file):
    create_token(file, scopes=[Scope.READ], now=NOW)
    api = await start_api(tokens=file)

    refused = [await api.call("GET", "/jobs"), await api.call("POST", "/jobs", json={"task": "a"})]
    public = [await api.call("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/openapi.json")]

    assert [(a.status_code, a.json()["code"]) for a in refused] == [(401, "Unauthenticated")] * 2
    assert all(a.headers["www-authenticate"].startswith("Bearer") for a in refused)
    assert [a.status_code for a in public] == [200] * 4


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Basic dXNlcjpwdw==", "Bearer nonsense", "Bearer taskjob_0123_x", "Bearer " + "x" * 5000],
)
async def test_forged_tokens_are_refused_alike(start_api, file, authorization):
    create_token(file, scopes=[Scope.READ], now=NOW)
    api = await start_api(tokens=file)

    answer = await api.call("GET", "/jobs", headers={"Authorization": authorization})

    assert (answer.status_code, answer.json()["code"]) == (401, "Unauthenticated")


async def test_a_token_with_the_right_id_and_a_wrong_secret_is_refused(start_api, file):
    token, record = create_token(file, scopes=[Scope.READ], now=NOW)
    api = await start_api(tokens=file)

    answer = await api.call("GET", "/jobs", headers=bearer(f"taskjob_{record.id}_{'0' * 64}"))

    assert answer.status_code == 401
    assert (await api.call("GET", "/jobs", headers=bearer(token))).status_code == 200


CALLS = [
    (Scope.READ, "GET", "jobs", None, 200),
    (Scope.READ, "GET", "stats", None, 200),
    (Scope.READ, "GET", "workers", None, 200),
    (Scope.READ, "GET", "queues", None, 200),
    (Scope.SUBMIT, "POST", "jobs", {"task": "a"}, 201),
    (Scope.SUBMIT, "POST", "jobs/batch", {"items": []}, 200),
    (Scope.CONTROL, "POST", "jobs/actions", {"action": "cancel"}, 200),
    (Scope.CONTROL, "POST", "queues/default/pause", {}, 200),
    (Scope.CONTROL, "POST", "queues/default/resume", None, 200),
    (Scope.ADMIN, "PUT", "queues/images", {}, 200),
]


@pytest.mark.parametrize(("needed", "method", "path", "body", "status"), CALLS, ids=[f"{c[1]} {c[2]}" for c in CALLS])
async def test_each_call_needs_its_scope(start_api, file, needed, method, path, body, status):
    tokens = {scope: create_token(file, scopes=[scope], now=NOW)[0] for scope in Scope}
    api = await start_api(tokens=file)

    statuses = {
        scope: (await api.call(method, f"/v1/namespaces/default/{path}", json=body, headers=bearer(token))).status_code
        for scope, token in tokens.items()
    }

    assert statuses == {scope: status if scope in {needed, Scope.ADMIN} else 403 for scope in Scope}


@pytest.mark.parametrize("name", ["*", "%2A", "Media", "a_b"])
async def test_what_no_namespace_may_be_named_is_none_for_a_token_of_all(start_api, file, name):
    token, _ = create_token(file, scopes=[Scope.ADMIN], now=NOW, namespaces=["*"])
    api = await start_api(tokens=file)

    submit = await api.call("POST", f"/v1/namespaces/{name}/jobs", json={"task": "a"}, headers=bearer(token))
    read = await api.call("GET", f"/v1/namespaces/{name}/jobs", headers=bearer(token))

    assert (submit.status_code, read.status_code) == (404, 404)
    assert (await api.call("GET", "/v1/namespaces/media/jobs", headers=bearer(token))).status_code == 200


async def test_a_foreign_namespace_looks_like_a_missing_one(start_api, file):
    mine, _ = create_token(file, scopes=[Scope.ADMIN], now=NOW, namespaces=["media", "default"])
    other, _ = create_token(file, scopes=[Scope.ADMIN], now=NOW, namespaces=["other"])
    api = await start_api(tokens=file)
    made = await api.call("POST", "/jobs", json={"task": "a"}, headers=bearer(mine))
    job = made.json()["id"]

    assert made.headers["location"] == f"/v1/namespaces/media/jobs/{job}"
    foreign = await api.call("GET", f"/v1/namespaces/media/jobs/{job}", headers=bearer(other))
    missing = await api.call("GET", f"/v1/namespaces/nowhere/jobs/{job}", headers=bearer(other))
    own = await api.call("GET", f"/v1/namespaces/other/jobs/{job}", headers=bearer(other))
    submit = await api.call("POST", "/v1/namespaces/media/jobs", json={"task": "a"}, headers=bearer(other))
    assert [(a.status_code, a.json()["code"]) for a in (foreign, missing, own, submit)] == [(404, "NotFound")] * 4
    assert foreign.json()["detail"].replace("media", "X") == missing.json()["detail"].replace("nowhere", "X")


async def test_an_expired_token_is_refused_from_its_very_moment(file):
    token, _ = create_token(file, scopes=[Scope.READ], now=NOW, expires_in_seconds=60)
    clock = [NOW + 60 * SECOND - 1]
    door = TokenDoor(file, now=lambda: clock[0])

    assert (await door.authenticate(token, peer_is_loopback=False)).namespaces == ("default",)
    clock[0] += 1
    with pytest.raises(UnauthenticatedError) as caught:
        await door.authenticate(token, peer_is_loopback=False)
    assert caught.value.reason == "Expired"


async def test_a_revocation_acts_as_soon_as_the_file_is_looked_at(file):
    token, record = create_token(file, scopes=[Scope.READ], now=NOW)
    kept, _ = create_token(file, scopes=[Scope.READ], now=NOW)
    seconds = [100.0]
    door = TokenDoor(file, now=lambda: NOW, monotonic=lambda: seconds[0])
    await door.authenticate(token, peer_is_loopback=True)

    revoke_token(file, record.id)
    seconds[0] += RECHECK_SECONDS

    with pytest.raises(UnauthenticatedError):
        await door.authenticate(token, peer_is_loopback=True)
    assert await door.authenticate(kept, peer_is_loopback=True)
    assert RECHECK_SECONDS <= 5


async def test_a_broken_file_closes_the_door_until_it_is_mended(file):
    token, _ = create_token(file, scopes=[Scope.READ], now=NOW)
    good = file.read_bytes()
    seconds = [100.0]
    door = TokenDoor(file, now=lambda: NOW, monotonic=lambda: seconds[0])
    await door.authenticate(token, peer_is_loopback=True)

    for broken in (b"{", b'{"version":2}', None):
        file.unlink() if broken is None else file.write_bytes(broken)
        seconds[0] += RECHECK_SECONDS
        with pytest.raises(UnavailableError):
            await door.authenticate(token, peer_is_loopback=True)
    file.write_bytes(good)
    seconds[0] += RECHECK_SECONDS
    assert await door.authenticate(token, peer_is_loopback=True)


async def test_the_open_door_lets_in_its_own_machine_only():
    door = OpenDoor()

    assert (await door.authenticate(None, peer_is_loopback=True)).name == "local"
    with pytest.raises(UnauthenticatedError):
        await door.authenticate(None, peer_is_loopback=False)


def test_the_file_holds_hashes_only_and_is_private(file):
    token, record = create_token(file, scopes=[Scope.WORKER], now=NOW, name="ci", queues=["default/images"])

    text = file.read_text()
    assert token not in text
    assert token.rsplit("_", 1)[1] not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert record.sha256 == hash_token(token)
    assert read_tokens(file).tokens == (record,)
    assert record.queues == ("default/images",)


def test_a_worker_token_serves_all_queues_of_its_namespaces_unless_told(file):
    _, record = create_token(file, scopes=[Scope.WORKER], now=NOW, namespaces=["a", "b"])

    assert record.queues == ("a/*", "b/*")


@pytest.mark.parametrize(
    "request_",
    [{"scopes": []}, {"namespaces": []}, {"queues": ["images"]}, {"expires_in_seconds": 0}],
)
def test_a_token_that_makes_no_sense_is_refused(file, request_):
    with pytest.raises(InvalidError):
        create_token(file, **{"scopes": [Scope.READ], "now": NOW} | request_)
    assert not file.exists()


def test_revoking_an_unknown_token_is_told(file):
    create_token(file, scopes=[Scope.READ], now=NOW)

    with pytest.raises(NotFoundError):
        revoke_token(file, "000000000000")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1", ""])
async def test_on_the_open_door_another_host_name_is_refused(api, host):
    answer = await api.call("POST", "/jobs", json={"task": "a"}, headers={"host": host})

    assert (answer.status_code, answer.json()["reason"]) == (403, "HostNotAllowed")
    assert await api.accepted() == 0


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1:8080", "[::1]:8080", "127.8.9.1"])
async def test_loopback_names_are_let_in(api, host):
    assert (await api.call("GET", "/jobs", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:8081"])
async def test_a_page_of_another_origin_is_refused(api, origin):
    answer = await api.call("POST", "/jobs", json={"task": "a"}, headers={"origin": origin})

    assert (answer.status_code, answer.json()["reason"]) == (403, "OriginNotAllowed")
    assert await api.accepted() == 0


async def test_its_own_and_allowed_origins_may_call(start_api):
    api = await start_api(allowed_origins=("https://jobs.example",), allowed_hosts=("jobs.local",))

    own = await api.call("GET", "/jobs", headers={"origin": "http://127.0.0.1:8080"})
    allowed = await api.call("GET", "/jobs", headers={"origin": "https://jobs.example", "host": "jobs.local"})

    assert (own.status_code, allowed.status_code) == (200, 200)
