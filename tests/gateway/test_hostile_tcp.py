"""Peers that are wrong, slow, silent or many: the others do not notice (TCP)."""

import asyncio
import ssl

import pytest
from certificates import self_signed

from taskjob.model import Phase
from taskjob.wire.codec import encode_line
from taskjob.wire.messages import Failure, GoAway
from taskjob_api.gateway.settings import GatewaySettings
from taskjob_engine.settings import EngineSettings


@pytest.fixture
def carrier():
    return "tcp"


@pytest.fixture
def hello_seconds():
    """These three are long, but for the tests that let them pass: nobody honest is to be too slow for them."""
    return 60.0


@pytest.fixture
def stall_seconds():
    return 60.0


@pytest.fixture
def reconnect_seconds():
    return 60.0


@pytest.fixture
def house_options(hello_seconds, stall_seconds, reconnect_seconds):
    return {
        "settings": GatewaySettings(
            port=0,
            hello_seconds=hello_seconds,
            max_hello_bytes=20_000,
            max_frame_bytes=50_000,
            write_buffer_bytes=64 * 1024,
            stall_seconds=stall_seconds,
            max_strangers=2000,
        ),
        "engine_settings": EngineSettings(reconnect_seconds=reconnect_seconds, maintenance_seconds=0.05),
        "holdoff_seconds": 0.3,
    }


async def stranger(house, data):
    """What the gateway says to these bytes before it closes."""
    worker = await house.worker("tcp").connect()
    worker.writer.write(data)
    answer = await worker.recv()
    assert await worker.recv() is None
    return answer


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "BadFrame", "no HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "BadFrame", "TLS"),
        (b'{"type":"nonsense"}\n', "BadFrame", "nonsense"),
        (b'{"type":"register"}\n', "BadFrame", "missing required field"),
        (b'{"type":"register","protocol":"1"}\n', "BadFrame", "protocol"),
        (b"{truncated\n", "BadFrame", "malformed"),
        (b"{" + b"x" * 30_000, "TooLarge", "20000"),
        (b"{" + b"x" * 30_000 + b"\n", "TooLarge", "20000"),
        (b'{"type":"register","worker":"\xff\xfe"}\n', "BadFrame", ""),
        (b'{"type":"register","x":' + b"[" * 9_000 + b"]" * 9_000 + b"}\n", "BadFrame", "recursion"),
    ],
)
async def test_bytes_that_are_no_message(house, data, code, word):
    answer = await stranger(house, data)
    assert (type(answer), answer.code, answer.fatal) == (Failure, code, True)
    assert word in answer.detail


async def test_a_frame_over_the_limit_costs_the_connection_but_no_lease(house, hire):
    worker = await hire()
    await house.submit("noop")
    [grant] = await worker.take(1)
    worker.writer.write(b'{"type":"exchange","seq":2,"pad":"' + b"x" * 60_000)
    answer = await worker.recv()
    assert (answer.code, await worker.recv()) == ("TooLarge", None)
    await worker.resume()
    assert (await worker.settle(grant)).verdicts == ()


async def test_a_truncated_frame_changes_nothing(house, hire):
    worker = await hire()
    [job] = await house.submit("noop")
    [grant] = await worker.take(1)
    frame = encode_line(worker.exchange(settle=(worker.completed(grant),)))
    worker.writer.write(frame[:-10])
    worker.writer.write_eof()
    assert await worker.recv() is None
    assert (await house.job(job)).phase is Phase.ASSIGNED


async def test_frames_in_pieces_and_frames_glued_together(house, hire):
    worker = await hire()
    await house.submit("noop", "noop")
    frames = encode_line(worker.exchange(want=1)) + encode_line(worker.exchange(want=1))
    for start in range(0, len(frames), 7):
        worker.writer.write(frames[start : start + 7])
        await asyncio.sleep(0)
    await worker.until(lambda: len(worker.held) == 2)
    first, second = worker.held.values()
    worker.send(*(worker.exchange(settle=(worker.completed(grant),)) for grant in (first, second)))
    assert [(await worker.recv()).seq for _ in range(2)] == [3, 4]
    assert (await house.job(second.job)).phase is Phase.COMPLETED


async def test_an_answer_still_reaches_who_closed_its_half(house, hire):
    worker = await hire()
    await house.submit("noop")
    [grant] = await worker.take(1)
    worker.send(worker.exchange(settle=(worker.completed(grant),)))
    worker.writer.write_eof()
    assert (await worker.recv()).seq == worker.seq
    assert await worker.recv() is None


@pytest.mark.parametrize("hello_seconds", [1.0])
async def test_who_does_not_say_hello_is_closed(house):
    worker = await house.worker("tcp").connect()
    worker.writer.write(b'{"type":"regis')
    with pytest.raises((ConnectionResetError, AssertionError)):
        assert await worker.recv() is not None
    await house.connected(0)


async def test_a_thousand_idle_connections_do_not_hurt_an_honest_worker(house, hire):
    idle = await asyncio.gather(*(house.worker("tcp").connect() for _ in range(1000)))
    worker = await hire()
    await house.submit(*["noop"] * 200)
    grants = await worker.take(200)
    assert (await worker.settle(*grants)).verdicts == ()
    assert (await house.engine.stats("default")).queues[0].completed == 200
    for one in idle:
        one.cut()


@pytest.mark.parametrize(("stall_seconds", "reconnect_seconds"), [(2.0, 0.2)])
async def test_a_reader_that_does_not_read_is_closed_and_its_jobs_run_elsewhere(house, hire):
    slow = await hire(slots=1000)
    slow.writer.transport.pause_reading()
    payload = b'{"pad":"' + b"x" * 60_000 + b'"}'
    for _ in range(10):
        await house.submit(*["noop"] * 100, payload=payload)
    slow.send(slow.exchange(want=1000))
    honest = await hire()
    while house.tcp.connections > 1:
        # Meanwhile not more than its buffer, the kernel's and one batch is on its way to it.
        assert (await house.engine.stats("default")).queues[0].leased < 400
        await asyncio.sleep(0.02)
    done = 0
    while done < 1000:
        grants = await honest.take(50)
        await honest.settle(*grants)
        done += len(grants)
    counts = (await house.engine.stats("default")).queues[0]
    assert (counts.completed, counts.dead_letter) == (1000, 0)


async def test_a_reader_that_was_slow_for_a_moment_gets_everything(house, hire):
    slow = await hire(slots=1000)
    payload = b'{"pad":"' + b"x" * 60_000 + b'"}'
    for _ in range(3):
        await house.submit(*["noop"] * 100, payload=payload)
    slow.writer.transport.pause_reading()
    slow.send(slow.exchange(want=100), slow.exchange(want=100))
    await asyncio.sleep(0.1)
    slow.writer.transport.resume_reading()
    await slow.until(lambda: len(slow.held) == 200)
    assert (await house.engine.stats("default")).queues[0].leased == 200


async def test_more_want_than_any_worker_can_mean_is_refused(house, hire):
    worker = await hire()
    for _ in range(11):
        worker.send(worker.exchange(want=1000))
    answers = [await worker.recv() for _ in range(11)]
    assert "TooLarge" in {answer.code for answer in answers if isinstance(answer, Failure)}


class TestFull:
    @pytest.fixture
    def house_options(self):
        return {"settings": GatewaySettings(port=0, max_connections=2, max_strangers=1)}

    async def test_one_connection_too_many_is_sent_away(self, house, hire):
        await hire()
        await hire()
        worker = await house.worker("tcp").connect()
        answer = await worker.recv()
        assert (type(answer), answer.reason) == (GoAway, "Busy")
        assert await worker.recv() is None

    async def test_the_oldest_stranger_gives_way(self, house, hire):
        old = await house.worker("tcp").connect()
        await asyncio.sleep(0.05)
        await hire()
        with pytest.raises((ConnectionResetError, AssertionError)):
            assert await old.recv() is not None


class TestIdle:
    @pytest.fixture
    def house_options(self):
        return {"settings": GatewaySettings(port=0, idle_seconds=0.3)}

    async def test_a_silent_connection_is_closed(self, house, hire):
        worker = await hire()
        answer = await worker.recv()
        assert (type(answer), answer.reason) == (GoAway, "Idle")
        assert await worker.recv() is None


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path):
        return self_signed(tmp_path)

    @pytest.fixture
    def house_options(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        return {"settings": GatewaySettings(port=0, ssl=context)}

    async def test_a_worker_over_tls(self, house, certificate):
        worker = house.worker("tcp")
        worker.ssl = ssl.create_default_context(cafile=certificate[0])
        await worker.enter()
        await house.submit("noop")
        [grant] = await worker.take(1)
        assert (await worker.settle(grant)).verdicts == ()

    async def test_plain_text_gets_nowhere(self, house):
        worker = await house.worker("tcp").connect()
        worker.send(worker.hello)
        assert await worker.reader.read() in {b"", b"\x15\x03\x03\x00\x02\x02\x46"}
        assert len(house.service.sessions) == 0
