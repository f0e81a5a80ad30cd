"""Submit → start at 50 jobs a second: the client's clock before the POST, the task's first line after.

The floor is the barest app that commits the same body durably and pushes one line to a listening process.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx2
import product
from measures.single_submit import FLOOR, _until_up
from table import Row

RATE = 50


def _paced(http: httpx2.Client, path: str, number: int) -> dict[int, float]:
    sent: dict[int, float] = {}
    begin = time.perf_counter()
    for index in range(number):
        pause = begin + index / RATE - time.perf_counter()
        if pause > 0:
            time.sleep(pause)
        sent[index] = time.time()
        reply = http.post(path, json={"task": "bench.stamp", "payload": {"number": index}})
        if reply.status_code != 201:
            raise SystemExit(reply.text)
    return sent


def _milliseconds(sent: dict[int, float], started: dict[int, float], skip: int) -> tuple[float, float]:
    spans = sorted((started[index] - at) * 1000 for index, at in sent.items() if index in started and index >= skip)
    return statistics.median(spans), spans[int(len(spans) * 0.99) - 1]


def _product(folder: Path, number: int) -> tuple[float, float]:
    stamps = folder / "stamps"
    with product.started(folder) as api, api.worker(BENCH_STAMPS=str(stamps)):
        sent = _paced(api.http, "/jobs", number)
        api.until(lambda: len(stamps.read_text().splitlines()) >= number, 30)
    lines = (line.split() for line in stamps.read_text().splitlines())
    return _milliseconds(sent, {int(index): float(at) for index, at in lines}, RATE)


def _floor(folder: Path, number: int) -> tuple[float, float]:
    port, push = product.free_port(), product.free_port()
    process = subprocess.Popen([sys.executable, str(FLOOR), f"{folder}/floor.db", str(port), str(push)])
    started: dict[int, float] = {}
    try:
        url = f"http://127.0.0.1:{port}"
        _until_up(f"{url}/")
        listener = socket.create_connection(("127.0.0.1", push))
        thread = threading.Thread(target=_listen, args=(listener, started), daemon=True)
        thread.start()
        with httpx2.Client(base_url=url) as http:
            sent = _paced(http, "/", number)
        time.sleep(0.2)
    finally:
        product.stop(process)
    return _milliseconds(sent, started, RATE)


def _listen(listener: socket.socket, started: dict[int, float]) -> None:
    with listener.makefile() as lines:
        for line in lines:
            number = json.loads(line).get("payload", {}).get("number")
            if number is not None:
                started[number] = time.time()


def measure(folder: Path, *, number: int) -> list[Row]:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        figure = _product(Path(own), number)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        floor = _floor(Path(own), number)
    note = f"{number} jobs at {RATE}/s"
    return [
        Row("submit → start p50", "ms", figure[0], floor[0], target=1.5 * floor[0], better="lower", note=note),
        Row("submit → start p99", "ms", figure[1], floor[1], target=2 * floor[1], better="lower", note=note),
    ]
