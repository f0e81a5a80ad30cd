"""Liveness from its own thread: it answers while the event loop is stuck, and says so.

A stuck loop is not yet a dead one; only after `STUCK_SECONDS` is a restart advised (503).
"""

from __future__ import annotations

import asyncio
import http.server
import threading
import time
from typing import Any

from taskjob.errors import InvalidError

STUCK_SECONDS = 60.0
BEAT_SECONDS = 1.0


class HealthPort:
    """`start` inside the event loop that it watches; `stop` joins the thread."""

    def __init__(self, host: str, port: int, *, stuck_seconds: float = STUCK_SECONDS) -> None:
        self._beat_at = time.monotonic()
        self._stuck_seconds = stuck_seconds
        self._pulse: asyncio.Task[None] | None = None
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 5

            def do_GET(self) -> None:
                status, text = owner._verdict(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Probes are not logged."""

        try:
            self._server = http.server.ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise InvalidError(
                f"cannot listen on {host}:{port}: {error.strerror}", field="TASKJOB_HEALTH_PORT"
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    def start(self) -> None:
        self._pulse = asyncio.create_task(self._beat(), name="health-beat")
        self._thread.start()

    async def stop(self) -> None:
        if self._pulse is not None:
            self._pulse.cancel()
            await asyncio.to_thread(self._server.shutdown)
            self._thread.join()
        self._server.server_close()

    async def _beat(self) -> None:
        while True:
            self._beat_at = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)

    def _verdict(self, path: str) -> tuple[int, bytes]:
        if path.partition("?")[0] != "/healthz":
            return 404, b'{"status":"no such path"}'
        silent = time.monotonic() - self._beat_at
        if silent > self._stuck_seconds:
            return 503, b'{"status":"stuck","seconds":%d}' % silent
        return 200, b'{"status":"ok"}'
