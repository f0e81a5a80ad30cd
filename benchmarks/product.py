"""The product under test: real processes, its own commands, durable settings, metrics and heartbeats on."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec

from taskjob.cli.dev.ports import free_port

TASKS = Path(__file__).with_name("tasks.py")


def run(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    with Path(os.environ.get("BENCH_LOG", os.devnull)).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "taskjob.cli", *arguments], env={**os.environ, **environment}, stdout=log, stderr=log
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass
class Product:
    process: subprocess.Popen[bytes]
    url: str
    gateway: str
    http: httpx2.Client

    @contextlib.contextmanager
    def worker(
        self, *, concurrency: int = 64, commands: str | None = None, **environment: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """One worker process on the TCP gateway, connected when this yields."""
        options = ["--gateway", self.gateway, "--concurrency", str(concurrency)]
        if commands is not None:
            options += ["--commands", commands]
        worker = run("worker", str(TASKS), *options, **environment)
        try:
            self.until(lambda: len(self.http.get("/v1/namespaces/default/workers").json()["items"]) > 0, 20)
            yield worker
        finally:
            stop(worker)

    def until(self, condition: object, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():  # type: ignore[operator]
            if time.monotonic() > deadline:
                raise SystemExit("the product did not get there in time")
            time.sleep(0.02)

    def counts(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for queue in self.http.get("/v1/namespaces/default/stats").json()["queues"]:
            for name, value in queue.items():
                if isinstance(value, int):
                    totals[name] = totals.get(name, 0) + value
        return totals

    def submit(self, number: int, document: dict[str, object]) -> float:
        """Submit equal jobs by REST batches of 1,000 from this process; the seconds it took."""
        body = msgspec.json.encode({"items": [document] * 1000})
        begun = time.perf_counter()
        for _ in range(number // 1000):
            reply = self.http.post(
                "/v1/namespaces/default/jobs/batch", content=body, headers={"Content-Type": "application/json"}
            )
            if reply.status_code != 200:
                raise SystemExit(f"{reply.status_code}: {reply.text[:500]}")
        return time.perf_counter() - begun


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Product]:
    rest, gateway = free_port(), free_port()
    process = run(
        "api",
        "--open",
        *("--store", f"sqlite:///{folder}/taskjob.db"),
        *("--artifacts", f"{folder}/artifacts"),
        *("--port", str(rest)),
        *("--gateway-port", str(gateway)),
    )
    url = f"http://127.0.0.1:{rest}"
    http = httpx2.Client(base_url=url, timeout=60.0)
    product = Product(process, url, f"tcp://127.0.0.1:{gateway}", http)

    def ready() -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            return http.get("/readyz").status_code == 200
        return False

    try:
        product.until(ready, 30)
        yield product
    finally:
        http.close()
        stop(process)
