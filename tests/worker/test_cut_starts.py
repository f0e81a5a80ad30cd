"""The connection breaks as a worker tells that it starts a job: the job runs all the same, on the same lease."""

import asyncio
import contextlib

import pytest
from own_thread import running

STARTED = b'"started":[{'


class Cutter:
    """Forwards connections to a port; the first `cuts` chunks that tell a start are dropped with their connection."""

    def __init__(self, to: int, cuts: int) -> None:
        self._to = to
        self.cuts = cuts
        self.port = 0
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(asyncio.create_task(self._forward(reader, writer)))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        await asyncio.gather(self._pump(reader, far_writer, cut=True), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, cut: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(2**16):
                if cut and self.cuts and STARTED in data:
                    self.cuts -= 1
                    break
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@pytest.mark.parametrize("carrier", ["tcp", "http"])
def test_a_start_that_was_not_heard_is_told_again(api, start_worker, queue, carrier):
    """A start that is told before its task begins (after an earlier delivery). Over HTTP two calls in a row fail, so
    that the session has to be resumed."""
    address = api.gateway if carrier == "tcp" else api.url
    scheme, _, port = address.rpartition(":")
    with running(Cutter(int(port), cuts=2)) as cutter:
        worker = start_worker(f"{scheme}:{cutter.port}", queues=(queue,))

        job_id = api.submit("steps", queue=queue, retry={"backoff": {"initialSeconds": 0}})

        job = api.reaches(job_id, "completed")
        assert cutter.cuts == 0
        assert (job.attempts, job.lost, job.interruptions, job.deliveries) == (3, 0, 0, 3)
        assert "resumed session" in worker.log
        worker.stop()
