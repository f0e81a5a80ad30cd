"""One process of the api: REST and the worker gateway in one event loop, started and stopped in order.

A stop takes no new work, tells workers to go elsewhere, answers every call under way, and only then lets the store
go. No lease lapses by it: sessions live on in the store, and the next process begins with a hold-off.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from taskjob.errors import InvalidError
from taskjob_api.app import build_door, build_engine, create_app
from taskjob_api.gateway.doomed import Doomed
from taskjob_api.gateway.http import HttpGateway
from taskjob_api.gateway.service import WorkerGateway
from taskjob_api.gateway.settings import GatewaySettings
from taskjob_api.gateway.tcp import TcpGateway
from taskjob_api.health_port import HealthPort
from taskjob_api.job_documents import JobDocuments
from taskjob_api.lifetime import Lifetime
from taskjob_api.rest_server import RestServer
from taskjob_api.settings import ApiSettings
from taskjob_engine.engine import Engine

log = logging.getLogger(__name__)


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the process listens; ports are the real ones where 0 was asked for."""

    rest: str
    gateway: str
    health: str | None = None


class RunningApi(msgspec.Struct, frozen=True, kw_only=True):
    engine: Engine
    addresses: Addresses


async def serve(
    settings: ApiSettings,
    *,
    stop: asyncio.Event | None = None,
    on_ready: Callable[[Addresses], None] | None = None,
) -> None:
    """Run until `stop` is set or SIGTERM or SIGINT comes. Raises `InvalidError` for a taken port,
    `StoreRefusedError` for a store that must not be used."""
    stop = stop or asyncio.Event()
    with _signals(stop):
        async with running(settings) as api:
            if on_ready is not None:
                on_ready(api.addresses)
            await stop.wait()
            log.info("stopping: no new work, calls under way are answered")


def run(settings: ApiSettings, *, on_ready: Callable[[Addresses], None] | None = None) -> None:
    """`serve` on uvloop, for a process of its own."""
    import uvloop  # noqa: PLC0415 - tests and embedders choose their own loop

    _calm_the_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, on_ready=on_ready))


def _calm_the_collector() -> None:
    """What is loaded stays: never look at it again. Under load thousands of short-lived containers are alive at once,
    and looking through them every 700 allocations took an eighth of the process's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@asynccontextmanager
async def running(settings: ApiSettings) -> AsyncIterator[RunningApi]:
    """The whole api while the block lasts; leaving it is the graceful stop."""
    async with AsyncExitStack() as parts:
        engine = build_engine(settings)
        lifetime = Lifetime()
        door = build_door(settings, engine)
        parts.push_async_callback(door.close)
        doomed = Doomed(asyncio.get_running_loop().time)
        service = WorkerGateway(engine, door, JobDocuments(), doomed=doomed)
        polls = HttpGateway(service)
        app = create_app(settings, engine, door=door, lifetime=lifetime, worker=polls, doomed=doomed)
        rest = RestServer(app, settings)
        parts.callback(rest.close)
        health = None if settings.health_port is None else HealthPort(settings.host, settings.health_port)
        if health is not None:
            parts.push_async_callback(health.stop)
        parts.push_async_callback(engine.stop)
        await engine.start()
        tcp = TcpGateway(service, _gateway_settings(settings))
        gateway_port = await _listen(tcp, settings)
        parts.push_async_callback(_stop_serving, lifetime, tcp, polls, rest, service)
        if health is not None:
            health.start()
        await rest.start()
        lifetime.begin_serving()
        yield RunningApi(engine=engine, addresses=_addresses(settings, rest.port, gateway_port, health))


async def _stop_serving(
    lifetime: Lifetime, tcp: TcpGateway, polls: HttpGateway, rest: RestServer, service: WorkerGateway
) -> None:
    lifetime.begin_stopping()
    await asyncio.gather(tcp.stop(), polls.stop(), rest.stop())
    await service.stop()


async def _listen(tcp: TcpGateway, settings: ApiSettings) -> int:
    try:
        return await tcp.start()
    except OSError as error:
        raise InvalidError(
            f"cannot listen on {settings.gateway_host}:{settings.gateway_port}: {os.strerror(error.errno or 0)}",
            field="TASKJOB_GATEWAY_PORT",
            hint="choose another port",
        ) from error


def _addresses(settings: ApiSettings, rest_port: int, gateway_port: int, health: HealthPort | None) -> Addresses:
    secure = "s" if settings.tls else ""
    return Addresses(
        rest=f"http{secure}://{_in_url(settings.host)}:{rest_port}",
        gateway=f"{'tls' if settings.tls else 'tcp'}://{_in_url(settings.gateway_host)}:{gateway_port}",
        health=None if health is None else f"http://{_in_url(settings.host)}:{health.port}/healthz",
    )


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _gateway_settings(settings: ApiSettings) -> GatewaySettings:
    context: ssl.SSLContext | None = None
    if settings.tls_certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return GatewaySettings(host=settings.gateway_host, port=settings.gateway_port, ssl=context)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # `taskjob api` holds it back until now
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
