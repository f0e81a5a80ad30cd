"""What this worker counts, and `/metrics` and `/healthz` for whoever asks.

Every name begins with `taskjob_worker_`: the api counts the same jobs, and a sum over both must not double them.
Counting costs two dictionary steps a job. prometheus_client is imported at the first scrape, not before.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from taskjob.model.job import AttemptOutcome

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_REQUEST_SECONDS = 5.0


class Metrics:
    """Counts by (task, outcome). Gauges are asked for when scraped."""

    def __init__(self) -> None:
        self._processed: dict[tuple[str, AttemptOutcome], int] = {}
        self._durations: dict[str, list[float]] = {}
        self.gauges: Callable[[], dict[str, tuple[str, float]]] = dict
        """Name → (help, value)."""

    def processed(self, task: str, outcome: AttemptOutcome, seconds: float) -> None:
        """A delivery was settled. What was released never ran and has no duration."""
        key = (task, outcome)
        self._processed[key] = self._processed.get(key, 0) + 1
        if outcome is AttemptOutcome.RELEASED:
            return
        buckets = self._durations.get(task)
        if buckets is None:
            buckets = self._durations[task] = [0] * (len(BUCKETS) + 1) + [0.0]
        buckets[bisect.bisect_left(BUCKETS, seconds)] += 1
        buckets[-1] += seconds

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - heavy, and often unused

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterable[Any]:
        """prometheus_client's collector protocol."""
        from prometheus_client.core import (  # noqa: PLC0415 - as above
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        counter = CounterMetricFamily(
            "taskjob_worker_jobs_processed", "Deliveries settled by this worker", labels=["task", "outcome"]
        )
        for (task, outcome), count in sorted(self._processed.items()):
            counter.add_metric([task, outcome.value], count)
        yield counter
        histogram = HistogramMetricFamily(
            "taskjob_worker_job_duration_seconds", "Time from start to end of a delivery", labels=["task"]
        )
        for task, buckets in sorted(self._durations.items()):
            histogram.add_metric([task], list(_cumulative(buckets)), buckets[-1])
        yield histogram
        for name, (text, value) in self.gauges().items():
            yield GaugeMetricFamily(name, text, value=value)


def _cumulative(buckets: list[float]) -> Iterator[tuple[str, float]]:
    total = 0.0
    for edge, count in zip((*(str(edge) for edge in BUCKETS), "+Inf"), buckets[:-1], strict=True):
        total += count
        yield edge, total


async def serve(metrics: Metrics, healthy: Callable[[], str | None], *, host: str, port: int) -> asyncio.Server:
    """Answer GET /metrics and GET /healthz (503 with the reason while `healthy` names one). Raises `OSError`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_reply(head, metrics, healthy))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, host, port, limit=16 * 1024)


def _reply(head: bytes, metrics: Metrics, healthy: Callable[[], str | None]) -> bytes:
    method, _, rest = head.partition(b" ")
    path = rest.split(b" ", 1)[0].split(b"?", 1)[0]
    if method != b"GET":
        return _http("405 Method Not Allowed", b"only GET\n")
    if path == b"/metrics":
        return _http("200 OK", metrics.exposition(), "text/plain; version=0.0.4; charset=utf-8")
    if path == b"/healthz":
        problem = healthy()
        if problem is not None:
            return _http("503 Service Unavailable", f"{problem}\n".encode())
        return _http("200 OK", b"ok\n")
    return _http("404 Not Found", b"try /metrics or /healthz\n")


def _http(status: str, body: bytes, kind: str = "text/plain; charset=utf-8") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close", "", "")
    return "\r\n".join(lines).encode() + body
