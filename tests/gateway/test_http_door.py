"""What the HTTP carrier says to requests that are no worker's, and how a poll ends."""

import asyncio

import httpx2
import msgspec
import pytest

from taskjob.wire.codec import decode_to_worker
from taskjob.wire.message_limits import RefusedError
from taskjob.wire.messages import MAX_FRAME_BYTES, Failure, GoAway, Held
from taskjob_api.gateway.http import REVIEW_SECONDS

JSON = {"content-type": "application/json"}


@pytest.fixture
def carrier():
    return "http"


@pytest.fixture
async def client(house):
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{house.http_port}", timeout=60) as client:
        yield client


async def chunks():
    for _ in range(9):
        yield b" " * 1024 * 1024


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"method": "GET"}, 405, "BadFrame"),
        ({"method": "PUT", "content": b"{}", "headers": JSON}, 405, "BadFrame"),
        ({"content": b'{"type":"bye"}', "headers": {"content-type": "text/plain"}}, 400, "BadFrame"),
        ({"content": b'{"type":"bye"}', "headers": JSON | {"origin": "http://evil.example"}}, 403, "Forbidden"),
        ({"content": b"{}", "headers": JSON}, 400, "BadFrame"),
        ({"content": b"", "headers": JSON}, 400, "BadFrame"),
        ({"content": b'{"type":"update"}', "headers": JSON}, 400, "BadFrame"),
        ({"content": b'{"type":"bye","x":' + b"[" * 9_000 + b"]" * 9_000 + b"}", "headers": JSON}, 400, "BadFrame"),
        ({"content": b'{"type":"bye"}', "headers": JSON | {"authorization": "Basic eA=="}}, 401, "Unauthenticated"),
        ({"content": b" " * (9 * 1024 * 1024), "headers": JSON}, 413, "TooLarge"),
        ({"content": chunks, "headers": JSON}, 413, "TooLarge"),
    ],
)
async def test_requests_that_are_refused(client, request_, status, code):
    if callable(request_.get("content")):
        request_ = request_ | {"content": request_["content"]()}
    response = await client.request(**({"method": "POST", "url": "/worker/v1/exchange"} | request_))
    answer = decode_to_worker(response.content)
    assert (response.status_code, type(answer), answer.code) == (status, Failure, code)


async def test_a_client_that_goes_away_waits_no_more(house, hire):
    worker, other = await hire(), await hire()
    polling = asyncio.create_task(worker.call(worker.exchange(want=1, wait_seconds=30.0)))
    await house.waiting(1)
    polling.cancel()
    await house.waiting(0)
    [job] = await house.submit("noop")
    [grant] = await other.take(1)
    assert (grant.job, (await house.job(job)).deliveries) == (job, 1)


async def test_a_poll_ends_with_its_time(house, hire):
    worker = await hire()
    loop = asyncio.get_running_loop()
    started = loop.time()
    update = await worker.call(worker.exchange(want=1, wait_seconds=0.3))
    assert update.jobs == ()
    assert 0.3 <= loop.time() - started < 25.0  # which is less than the longest wait


async def test_without_waiting_the_answer_is_what_is_there(house, hire):
    worker = await hire()
    assert (await worker.call(worker.exchange(want=1))).jobs == ()
    await house.submit("noop")
    assert len((await worker.call(worker.exchange(want=1))).jobs) == 1


async def test_bad_news_does_not_wait_for_work(house, hire):
    worker = await hire()
    await house.submit("noop")
    [grant] = await worker.take(1)
    await worker.settle(grant)
    async with asyncio.timeout(25):  # less than it would wait
        update = await worker.call(worker.exchange(settle=(worker.completed(grant),), want=1, wait_seconds=30.0))
    assert [verdict.verdict for verdict in update.verdicts] == ["replayed"]


async def test_a_newer_call_ends_the_one_that_waits(house, hire):
    worker = await hire()
    polling = asyncio.create_task(worker.call(worker.exchange(want=1, wait_seconds=30.0)))
    await house.waiting(1)
    newer = asyncio.create_task(worker.call(worker.exchange(want=1, wait_seconds=30.0)))
    assert (await asyncio.wait_for(polling, 25)).jobs == ()
    await house.submit("noop")
    assert len((await newer).jobs) == 1


async def test_a_stop_answers_every_poll_and_sends_newcomers_away(house, hire):
    worker = await hire()
    polling = asyncio.create_task(worker.call(worker.exchange(want=1, wait_seconds=30.0)))
    await house.waiting(1)
    await house.http.stop()
    assert (await asyncio.wait_for(polling, 25)).jobs == ()
    assert isinstance(await worker.call(worker.exchange(want=1, wait_seconds=30.0)), GoAway)


async def test_a_lease_the_session_lost_is_told(house, hire):
    worker = await hire()
    await house.submit("noop")
    [grant] = await worker.take(1)
    worker.held[grant.job] = msgspec.structs.replace(grant, lease="0" * 32)
    update = await worker.call(worker.exchange())
    assert [(lost.job, lost.reason) for lost in update.lost] == [(grant.job, "Superseded")]


async def declared(house, size, *, body=b""):
    """A connection that announces so many bytes and sends fewer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.http_port)
    house.writers.append(writer)
    head = b"POST /worker/v1/exchange HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(head + b"Content-Length: %d\r\n\r\n" % size + body)
    return reader, writer


async def reading(house, size):
    """Until bodies of so many bytes are being read."""
    async with asyncio.timeout(60):
        while house.http._reading != size:  # noqa: ASYNC110 - the door has no event for it
            await asyncio.sleep(0.005)


async def test_a_stranger_is_turned_away_before_its_message_is_read(house):
    house.authenticator.refuse = True
    reader, _ = await declared(house, MAX_FRAME_BYTES, body=b"{")
    assert b" 401 " in await asyncio.wait_for(reader.readline(), 60)


async def test_large_bodies_at_once_are_bounded_and_small_ones_always_pass(house, hire):
    worker = await hire()
    slow = [await declared(house, MAX_FRAME_BYTES, body=b"{") for _ in range(8)]
    await reading(house, 8 * MAX_FRAME_BYTES)
    reader, _ = await declared(house, MAX_FRAME_BYTES, body=b"{")
    assert b" 503 " in await asyncio.wait_for(reader.readline(), 60)
    assert (await worker.call(worker.exchange())).renewed
    for _, writer in slow:
        writer.transport.abort()
    await reading(house, 0)
    large = worker.exchange(holding=(Held(job="0" * 32, lease="0" * 32),) * 2000)
    assert len((await worker.call(large)).lost) == 1


async def test_a_token_revoked_while_its_call_waits_ends_the_wait(house, hire, monkeypatch):
    monkeypatch.setattr("taskjob_api.gateway.http.REVIEW_SECONDS", 0.1)
    worker = await hire()
    polling = asyncio.create_task(worker.call(worker.exchange(want=1, wait_seconds=30.0)))
    await asyncio.sleep(0.2)
    assert not polling.done()
    house.authenticator.refuse = True
    answer = await asyncio.wait_for(polling, 25)  # less than it would wait
    assert (worker.status, answer.code) == (401, "Unauthenticated")


def test_a_revoked_token_is_noticed_within_five_seconds():
    assert REVIEW_SECONDS < 5.0


class TestAfterRestart:
    """A session that this process has not met yet, asked for by calls side by side."""

    @pytest.fixture
    async def asked(self, house, hire, monkeypatch):
        """Holds up the first renewal until the test says so; `worker` is unknown to the process."""
        worker = await hire()
        await house.restart()
        renew, waits, go_on = house.engine.renew, asyncio.Event(), asyncio.Event()

        async def held_up(renewal):
            renewed = await renew(renewal)
            if not waits.is_set():
                waits.set()
                await go_on.wait()
            return renewed

        monkeypatch.setattr(house.engine, "renew", held_up)
        principal = house.authenticator.principal
        first = asyncio.create_task(
            house.service.admission.find(worker.welcome.session, worker.welcome.epoch, principal)
        )
        await asyncio.wait_for(waits.wait(), 60)
        yield worker, principal, first, go_on
        first.cancel()

    async def test_both_calls_find_the_same_session(self, house, asked):
        worker, principal, first, go_on = asked
        second = await house.service.admission.find(worker.welcome.session, worker.welcome.epoch, principal)
        go_on.set()
        assert await asyncio.wait_for(first, 60) is second
        assert house.service.sessions.is_current(second)

    async def test_a_call_of_an_epoch_that_was_resumed_meanwhile_is_refused(self, house, asked):
        worker, _, first, go_on = asked
        older = worker.welcome.epoch
        resumed = await worker.resume()
        assert resumed.epoch > older
        go_on.set()
        with pytest.raises(RefusedError, match="resumed meanwhile"):
            await asyncio.wait_for(first, 60)
        assert house.service.sessions.get(resumed.session).ref.epoch == resumed.epoch
