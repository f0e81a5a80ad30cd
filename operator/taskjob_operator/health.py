"""What probes and Prometheus ask: /healthz (the loop answers), /readyz (with the reason), /metrics."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from taskjob.errors import InvalidError
from taskjob_operator.metrics import Metrics


class HealthServer:
    """`ready` tells whether this process does what it is there for, and in a word why (not). `refresh` brings gauges
    up to date."""

    def __init__(self, metrics: Metrics, *, ready: Callable[[], tuple[bool, str]], refresh: Callable[[], None]) -> None:
        self._metrics = metrics
        self._ready = ready
        self._refresh = refresh
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> str:
        """Its address."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._show_metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise InvalidError(
                f"cannot listen on {host}:{port}: {error.strerror}", field="TASKJOB_OPERATOR_PORT"
            ) from error
        return f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        ready, state = self._ready()
        return web.json_response({"status": state}, status=200 if ready else 503)

    async def _show_metrics(self, _: web.Request) -> web.Response:
        self._refresh()
        return web.Response(body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})
