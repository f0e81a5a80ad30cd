"""A real engine and both carriers on loopback, and workers that speak the protocol's messages literally."""

import asyncio
import contextlib
import resource
from pathlib import Path

import httpx2
import msgspec
import pytest
import uvicorn

from taskjob.errors import UnauthenticatedError
from taskjob.model import AttemptOutcome, new_job_id
from taskjob.wire.codec import decode_to_worker, encode, encode_line
from taskjob.wire.messages import Exchange, Failure, Held, ProcessIdentity, Register, Resume, Settle, Update, Welcome
from taskjob_api.auth import EVERYBODY
from taskjob_api.gateway.doomed import Doomed
from taskjob_api.gateway.http import HttpGateway
from taskjob_api.gateway.service import WorkerGateway
from taskjob_api.gateway.settings import GatewaySettings
from taskjob_api.gateway.tcp import TcpGateway
from taskjob_api.job_documents import JobDocuments
from taskjob_engine.artifacts.file import FileArtifactStore
from taskjob_engine.engine import Engine
from taskjob_engine.holdoff import HoldOff
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import JobRef, Submission
from taskjob_engine.stores.memory import MemoryStore
from taskjob_engine.stores.sqlite import SQLiteStore

PATIENCE = 60.0
"""A bound on any wait of these tests; nothing here should come near it."""

POLL_SECONDS = 10.0
"""How long a call over HTTP waits for work, before it asks again."""


class Everybody:
    """Lets everybody in, as a `principal` that a test may change, or nobody."""

    def __init__(self):
        self.principal = EVERYBODY
        self.refuse = False

    async def authenticate(self, token, *, peer_is_loopback):
        assert peer_is_loopback
        if self.refuse:
            raise UnauthenticatedError("unknown or revoked token")
        return self.principal


def submission(task="noop", **fields):
    return Submission(**({"id": new_job_id(), "namespace": "default", "queue": "default", "task": task} | fields))


class House:
    """The api process of a test. `restart` is an orderly rollout to a new process on the same store."""

    def __init__(self, folder: Path, *, store=None, settings=None, engine_settings=None, holdoff_seconds=0.5):
        self.folder = folder
        self.store = store or MemoryStore()
        self.settings = settings or GatewaySettings(port=0)
        self.engine_settings = engine_settings or EngineSettings()
        self.holdoff_seconds = holdoff_seconds
        self.authenticator = Everybody()
        self.port = self.http_port = 0
        self.writers = []

    async def start(self):
        self.engine = Engine(
            self.store,
            FileArtifactStore(self.folder / "artifacts"),
            self.engine_settings,
            holdoff=HoldOff(self.holdoff_seconds, store_clock=self.store.now),
        )
        await self.engine.start()
        self.doomed = Doomed(asyncio.get_running_loop().time)
        self.service = WorkerGateway(self.engine, self.authenticator, JobDocuments(), doomed=self.doomed)
        self.tcp = TcpGateway(self.service, msgspec.structs.replace(self.settings, port=self.port))
        self.port = await self.tcp.start()
        self.http = HttpGateway(self.service)
        config = uvicorn.Config(
            self.http, host="127.0.0.1", port=self.http_port, lifespan="off", log_level="critical", loop="asyncio"
        )
        self._uvicorn = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._uvicorn._serve())
        while not self._uvicorn.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        self.http_port = self._uvicorn.servers[0].sockets[0].getsockname()[1]

    async def stop(self):
        await asyncio.gather(self.tcp.stop(), self.http.stop())
        self._uvicorn.should_exit = self._uvicorn.force_exit = True
        await self._serving
        await self.service.stop()
        await self.engine.stop()

    async def waiting(self, count):
        """Until so many sessions wait for work, no more, and the store has told each that there is none yet."""
        dispatcher = self.engine.dispatcher

        def reached():
            wanting = [parked for parked in dispatcher._waiting if parked.want > 0]
            idle = [parked for parked in wanting if not parked.busy and parked.ref.session not in dispatcher._due]
            return len(wanting) == len(idle) == count

        async with asyncio.timeout(PATIENCE):
            while not reached():  # noqa: ASYNC110 - the dispatcher has no event for it
                await asyncio.sleep(0.005)

    async def connected(self, count):
        """Until the gateway has noticed that so many TCP connections are left."""
        async with asyncio.timeout(PATIENCE):
            while self.tcp.connections != count:  # noqa: ASYNC110 - the gateway has no event for it
                await asyncio.sleep(0.005)

    async def restart(self):
        await self.stop()
        await self.start()

    async def hang_up(self):
        """Close every connection that a test opened."""
        for writer in self.writers:
            writer.close()
        for writer in self.writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def submit(self, *tasks, **fields):
        items = [submission(task, **fields) for task in tasks]
        for told in await self.engine.submit(items):
            assert told.outcome == "created"
        return [item.id for item in items]

    async def job(self, job):
        return await self.engine.get(JobRef(namespace="default", id=job))

    async def settled(self, job, seconds=PATIENCE):
        return await self.engine.wait(JobRef(namespace="default", id=job), seconds=seconds)

    async def cancel(self, job):
        return await self.engine.cancel([JobRef(namespace="default", id=job)])

    def worker(self, carrier, **fields):
        kind = {"tcp": TcpWorker, "http": HttpWorker}[carrier]
        return kind(self, **fields)


class Worker:
    """What both carriers have in common. `held` follows grants and settles."""

    def __init__(self, house, *, tasks=("noop",), queues=("default",), slots=10, process=None, token=None):
        self.house = house
        self.hello = Register(
            protocol=(1,), worker="test", queues=queues, tasks=tasks, slots=slots, process=process, token=token
        )
        self.seq = 0
        self.held = {}
        self.welcome = None

    async def enter(self):
        self.welcome = await self.greet(self.hello)
        assert isinstance(self.welcome, Welcome), self.welcome
        return self

    async def resume(self, holding=None, **fields):
        """Come back naming `holding` (default: all that is held)."""
        held = [Held(job=j, lease=g.lease) for j, g in self.held.items()] if holding is None else holding
        answer = await self.greet(
            Resume(
                protocol=(1,),
                session=self.welcome.session,
                epoch=self.welcome.epoch,
                holding=tuple(held),
                process=self.hello.process,
                **fields,
            )
        )
        if isinstance(answer, Welcome):
            self.welcome = answer
        return answer

    def exchange(self, **fields):
        self.seq += 1
        return self.named(Exchange(seq=self.seq, **fields))

    def completed(self, grant, **fields):
        fields = {"outcome": AttemptOutcome.COMPLETED} | fields
        return Settle(job=grant.job, lease=grant.lease, **fields)

    async def settle(self, *grants, **fields):
        update = await self.call(self.exchange(settle=tuple(self.completed(grant, **fields) for grant in grants)))
        for grant in grants:
            self.held.pop(grant.job, None)
        return update

    def note(self, update):
        for grant in update.jobs:
            self.held[grant.job] = grant
        return update


class TcpWorker(Worker):
    reader = writer = ssl = None

    async def connect(self):
        self.close()
        host = "localhost" if self.ssl else "127.0.0.1"
        self.reader, self.writer = await asyncio.open_connection(host, self.house.port, limit=2**24, ssl=self.ssl)
        self.house.writers.append(self.writer)
        return self

    async def greet(self, message):
        await self.connect()
        return await self.call(message)

    def named(self, exchange):
        return exchange

    def send(self, *messages):
        self.writer.write(b"".join(map(encode_line, messages)))

    async def recv(self, seconds=PATIENCE):
        """The next message; None at the end of the connection."""
        line = await asyncio.wait_for(self.reader.readline(), seconds)
        return decode_to_worker(line) if line else None

    async def call(self, message):
        """Send, and read up to the answer."""
        self.send(message)
        while True:
            answer = await self.recv()
            if isinstance(answer, Update):
                self.note(answer)
                if isinstance(message, Exchange) and answer.seq != message.seq:
                    continue
            return answer

    async def take(self, count, seconds=PATIENCE):
        """Ask for `count` jobs and read until they are here."""
        before = len(self.held)
        self.send(self.exchange(want=count))
        await self.until(lambda: len(self.held) >= before + count, seconds)
        return list(self.held.values())[before:]

    async def until(self, condition, seconds=PATIENCE):
        """Read updates until the condition holds."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.note(await self.recv())

    def close(self):
        if self.writer is not None:
            self.writer.close()

    def cut(self):
        """The connection breaks without a word."""
        if self.writer is not None:
            self.writer.transport.abort()


class HttpWorker(Worker):
    def __init__(self, *args, **fields):
        super().__init__(*args, **fields)
        self.client = httpx2.AsyncClient(timeout=PATIENCE)

    async def greet(self, message):
        return await self.call(message)

    def named(self, message):
        names = {"session": self.welcome.session, "epoch": self.welcome.epoch}
        if isinstance(message, Exchange) and message.holding is None:
            names["holding"] = tuple(Held(job=j, lease=g.lease) for j, g in self.held.items())
        return msgspec.structs.replace(message, **names)

    async def call(self, message):
        response = await self.client.post(
            f"http://127.0.0.1:{self.house.http_port}/worker/v1/exchange",
            content=encode(message),
            headers={"content-type": "application/json"},
        )
        self.status = response.status_code
        answer = decode_to_worker(response.content)
        assert (self.status == 200) != isinstance(answer, Failure)
        return self.note(answer) if isinstance(answer, Update) else answer

    async def take(self, count, seconds=PATIENCE):
        before = len(self.held)
        async with asyncio.timeout(seconds):
            while len(self.held) < before + count:
                await self.call(self.exchange(want=before + count - len(self.held), wait_seconds=POLL_SECONDS))
        return list(self.held.values())[before:]

    def close(self):
        self.cut()

    def cut(self):
        """HTTP has no connection to break."""


@pytest.fixture(scope="session", autouse=True)
def many_sockets():
    """Both ends of a thousand connections live in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))


@pytest.fixture(params=["tcp", "http"])
def carrier(request):
    return request.param


@pytest.fixture
async def house(tmp_path, house_options):
    async with contextlib.AsyncExitStack() as stack:
        house = House(tmp_path, **house_options)
        await house.start()
        stack.push_async_callback(house.stop)
        stack.push_async_callback(house.hang_up)
        yield house


@pytest.fixture
def house_options():
    """Overridden by tests that need another house."""
    return {}


@pytest.fixture(params=["memory", "sqlite"])
def any_store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "taskjob.db")


@pytest.fixture
async def hire(house, carrier):
    """Workers of this carrier, registered; closed at the end."""
    workers = []

    async def registered(**fields):
        worker = house.worker(carrier, **fields)
        workers.append(worker)
        return await worker.enter()

    yield registered
    for worker in workers:
        worker.close()
        if isinstance(worker, HttpWorker):
            await worker.client.aclose()


@pytest.fixture
def this_process():
    """How the process with this pid is told to the gateway."""

    def identity(pid):
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return ProcessIdentity(
            host=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            pid_namespace=Path("/proc/self/ns/pid").stat().st_ino,
            pid=pid,
            started=int(stat[19]),
        )

    return identity
