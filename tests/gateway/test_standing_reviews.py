"""A connection that stands for hours: its token and its rights are reviewed again, and an outage has its patience."""

import asyncio

import msgspec
import pytest

from taskjob.errors import UnauthenticatedError, UnavailableError
from taskjob.model import Phase
from taskjob.wire.messages import Failure, GoAway, Welcome
from taskjob_api.gateway.authentication import Principal
from taskjob_engine.store import JobRef

OFTEN = 0.1


class Reviewer:
    """Lets one principal in, as long as `error` is None."""

    def __init__(self, **changes):
        self.principal = Principal(
            name="pod:1",
            namespace="shop",
            queues=(("shop", "*"), ("other", "images")),
            scopes=frozenset({"worker"}),
            review_seconds=OFTEN,
        )
        self.error = None
        self.asked = 0

    async def authenticate(self, token, *, peer_is_loopback):
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.principal

    def take_away(self, *queue):
        queues = tuple(pair for pair in self.principal.queues if pair != queue)
        self.principal = msgspec.structs.replace(self.principal, queues=queues)


@pytest.fixture
def reviewer(house):
    house.service.admission._authenticator = found = Reviewer()
    return found


async def registered(house, carrier, **changes):
    worker = house.worker(carrier, queues=("images",))
    worker.hello = msgspec.structs.replace(worker.hello, **changes)
    return await worker.enter()


async def asked_again(reviewer, times=2):
    before = reviewer.asked
    async with asyncio.timeout(60):
        while reviewer.asked < before + times:  # noqa: ASYNC110 - what is waited for is the server's own clock
            await asyncio.sleep(0.01)


async def test_a_right_taken_away_ends_the_session_at_its_next_review(house, reviewer, carrier):
    worker = await registered(house, carrier, namespace="other")
    reviewer.take_away("other", "images")
    answer = await worker.recv() if carrier == "tcp" else await worker.call(worker.exchange())
    assert (type(answer), answer.code) == (Failure, "Forbidden")
    await dismiss(worker)


@pytest.mark.parametrize("carrier", ["tcp"])
async def test_a_worker_whose_token_ran_out_is_sent_for_its_next_one_and_loses_nothing(house, reviewer, carrier):
    worker = await registered(house, carrier)
    await house.submit("noop", namespace="shop", queue="images")
    [grant] = await worker.take(1)
    reviewer.error = UnauthenticatedError("the token has expired", reason="Expired")

    answer = await worker.recv()
    assert (type(answer), answer.reason, await worker.recv()) == (GoAway, "TokenExpired", None)
    reviewer.error = None
    assert isinstance(await worker.resume(), Welcome)
    assert (await worker.settle(grant)).verdicts == ()
    job = await house.engine.get(JobRef(namespace="shop", id=grant.job))
    assert (job.phase, job.deliveries, job.lost) == (Phase.COMPLETED, 1, 0)


@pytest.mark.parametrize("carrier", ["tcp"])
async def test_an_outage_of_whoever_is_asked_hurts_nobody_for_an_hour(house, reviewer, carrier, monkeypatch):
    monkeypatch.setattr("taskjob_api.gateway.vouching.AGAIN_SECONDS", OFTEN)
    worker = await registered(house, carrier)
    reviewer.error = UnavailableError("nobody answers")
    await asked_again(reviewer)
    assert (await worker.call(worker.exchange())).renewed
    reviewer.error = None
    await asked_again(reviewer)
    assert (await worker.call(worker.exchange())).renewed

    reviewer.error = UnavailableError("nobody answers")
    monkeypatch.setattr("taskjob_api.gateway.vouching.UNVOUCHED_SECONDS", 0.0)
    answer = await worker.recv()
    assert (type(answer), answer.reason, await worker.recv()) == (GoAway, "Unavailable", None)


@pytest.mark.parametrize("carrier", ["tcp"])
async def test_a_review_that_hangs_holds_up_nobody_elses(house, reviewer, carrier, monkeypatch):
    monkeypatch.setattr("taskjob_api.gateway.admission.AUTHENTICATION_SECONDS", 600.0)
    first, second = await registered(house, carrier), await registered(house, carrier)
    hung, let_go = asyncio.Event(), asyncio.Event()
    authenticate = reviewer.authenticate

    async def slow(token, *, peer_is_loopback):
        if not hung.is_set():
            hung.set()
            await let_go.wait()
        return await authenticate(token, peer_is_loopback=peer_is_loopback)

    reviewer.authenticate = slow
    async with asyncio.timeout(60):
        await hung.wait()
    reviewer.error = UnauthenticatedError("revoked")
    answers = asyncio.wait(
        [asyncio.create_task(worker.recv()) for worker in (first, second)], return_when=asyncio.FIRST_COMPLETED
    )
    done, pending = await asyncio.wait_for(answers, 60)  # less than the hung one's time-out
    assert [answer.result().code for answer in done] == ["Unauthenticated"]
    for waiting in pending:
        waiting.cancel()
    let_go.set()


async def dismiss(worker):
    worker.close()
    if hasattr(worker, "client"):
        await worker.client.aclose()
