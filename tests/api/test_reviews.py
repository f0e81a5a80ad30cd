"""The adapter against an API server that hangs, breaks, lies or refuses: never a yes, never a secret in a log."""

from __future__ import annotations

import asyncio
import logging
import ssl

import httpx2
import pytest
from certificates import self_signed
from scripted_api_server import TOKENS, ScriptedApiServer

from taskjob.errors import UnavailableError
from taskjob_api.identity.reviews import Access, Subject
from taskjob_api.kubernetes.api_server import ApiServer
from taskjob_api.kubernetes.target import Material, Target, from_kubeconfig

AUDIENCES = ("taskjob", "taskjob-worker", "taskjob-operator")
ACCESS = Access(verb="create", resource="taskqueues", subresource="leases", namespace="b", name="images")


@pytest.fixture
async def kube():
    server = ScriptedApiServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """A busy machine is no trouble of the API server's."""
    monkeypatch.setattr("taskjob_api.kubernetes.api_server.REVIEW_SECONDS", 60.0)
    monkeypatch.setattr("taskjob_api.kubernetes.api_server._TIMEOUT", httpx2.Timeout(60.0))


@pytest.fixture
async def reviewer(kube, tmp_path):
    adapter = ApiServer(from_kubeconfig(kube.kubeconfig(tmp_path)))
    yield adapter
    await adapter.close()


async def test_a_token_is_identified_with_all_that_rights_are_asked_with(kube, reviewer):
    token = kube.knows("system:serviceaccount:a:w", "taskjob-worker", "other", pod="u-1")

    found = await reviewer.identify(token, AUDIENCES)

    assert found.audiences == {"taskjob-worker"}
    assert found.subject == Subject(
        name="system:serviceaccount:a:w",
        uid="1",
        groups=("system:authenticated",),
        extra=(("authentication.kubernetes.io/pod-uid", ("u-1",)),),
    )
    assert kube.asked == [(TOKENS, {"token": token, "audiences": list(AUDIENCES)})]
    assert kube.credentials == ["Bearer credential-of-the-api"]


async def test_a_right_is_asked_in_full(kube, reviewer):
    subject = Subject(name="jane", uid="7", groups=("g",), extra=(("k", ("v", "w")),))
    assert not await reviewer.allows(subject, ACCESS)
    kube.rights.add(("jane", "create", "taskqueues/leases", "b", "images"))
    assert await reviewer.allows(subject, ACCESS)
    assert kube.asked[-1][1] == {
        "user": "jane",
        "uid": "7",
        "groups": ["g"],
        "extra": {"k": ["v", "w"]},
        "resourceAttributes": {
            "group": "taskjob.dev",
            "verb": "create",
            "resource": "taskqueues",
            "subresource": "leases",
            "namespace": "b",
            "name": "images",
        },
    }


async def test_a_server_that_does_not_look_at_audiences_says_nothing(kube, reviewer):
    assert await reviewer.identify(kube.knows("jane"), AUDIENCES) is None
    assert await reviewer.identify("unknown", AUDIENCES) is None


@pytest.mark.parametrize("fault", ["drop", "cut", "garbage", "endless", 200, 302, 400, 401, 403, 429, 500, 503])
async def test_what_is_no_answer_is_neither_yes_nor_no(kube, reviewer, fault, caplog):
    token = kube.knows("jane", "taskjob")
    kube.fault = fault
    for _ in range(2):
        with pytest.raises(UnavailableError) as caught:
            await reviewer.identify(token, AUDIENCES)
        with pytest.raises(UnavailableError):
            await reviewer.allows(Subject(name="jane"), ACCESS)
    told = [record.getMessage() for record in caplog.records if record.name.startswith("taskjob_api")]
    assert 1 <= len(told) <= 3, "the same trouble is told once"
    assert not any(secret in caplog.text for secret in (token, "credential-of-the-api"))
    assert token not in str(caught.value)
    assert ("system:auth-delegator" in caplog.text) == (fault in {401, 403})
    assert caught.value.retry_after_seconds == (7.0 if isinstance(fault, int) and fault != 200 else 1.0)

    kube.fault = None
    with caplog.at_level(logging.INFO):
        assert await reviewer.identify(token, AUDIENCES)
    assert "answers reviews again" in caplog.text


async def test_a_server_that_hangs_is_given_up(kube, reviewer, monkeypatch):
    monkeypatch.setattr("taskjob_api.kubernetes.api_server.REVIEW_SECONDS", 0.2)
    kube.fault = "hang"
    with pytest.raises(UnavailableError, match="does not answer"):
        await reviewer.identify(kube.knows("jane", "taskjob"), AUDIENCES)


async def test_a_connection_that_broke_is_made_again(kube, reviewer):
    token = kube.knows("jane", "taskjob")
    await reviewer.identify(token, AUDIENCES)
    kube.fault, kube.faults_left = "drop", 1
    assert await reviewer.identify(token, AUDIENCES)


async def test_many_reviews_take_turns(kube, reviewer, monkeypatch):
    tokens = [kube.knows(f"user-{number}", "taskjob") for number in range(200)]
    kube.hold.clear()
    asking = [asyncio.create_task(reviewer.identify(token, AUDIENCES)) for token in tokens]
    async with asyncio.timeout(60):
        while len(kube.asked) < 64:  # noqa: ASYNC110 - the script has no event for it
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    assert len(kube.asked) == 64
    kube.hold.set()
    assert all(await asyncio.gather(*asking))


async def test_nobody_listens(kube, tmp_path):
    adapter = ApiServer(Target(server="http://127.0.0.1:1"))
    with pytest.raises(UnavailableError):
        await adapter.identify("x.y.z", AUDIENCES)
    await adapter.close()


@pytest.fixture
def authorities(tmp_path):
    """Two self-signed certificates of 127.0.0.1: (file, key) each."""
    return [self_signed(tmp_path, name) for name in ("one", "two")]


async def test_only_the_clusters_authority_is_trusted_and_a_new_one_is_read_from_its_file(authorities, tmp_path):
    (first, first_key), (second, second_key) = authorities
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(first))
    served.load_cert_chain(second, second_key)
    served.verify_mode = ssl.CERT_REQUIRED  # the client shows a certificate of its own
    server = ScriptedApiServer()
    await server.start(served)
    authority = tmp_path / "ca.crt"
    authority.write_bytes(first.read_bytes())
    target = Target(
        server=server.url,
        authority=Material(path=authority),
        certificate=Material(path=first),
        key=Material(data=first_key.read_bytes()),
    )
    adapter = ApiServer(target)
    token = server.knows("jane", "taskjob")
    with pytest.raises(UnavailableError):
        await adapter.identify(token, AUDIENCES)
    assert server.asked == [], "the token is not shown to a server that nobody vouches for"

    authority.write_bytes(second.read_bytes() + b"\n")
    assert await adapter.identify(token, AUDIENCES)

    authority.unlink()
    with pytest.raises(UnavailableError):
        await adapter.identify(token, AUDIENCES)
    await adapter.close()
    await server.stop()
