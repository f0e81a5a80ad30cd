"""The barest durable queue of the product's shape on SQLite: one store process, one worker process, one JSON object per
line over TCP, batches of 500, a lease compared when it is settled, the attempt told by the job's row, one commit a
batch.

No retries, limits, sessions, heartbeats, ledger, idempotency, metrics or priorities. `loop` in the output is the same
table driven in one process without a socket or attempts: what SQLite itself can do here.
"""

from __future__ import annotations

import json
import multiprocessing
import secrets
import socket
import sqlite3
import sys
import time
from pathlib import Path

import msgspec

BATCH = 500
PAYLOAD = '{"number":1,"text":"' + "x" * 60 + '"}'


class Job(msgspec.Struct):
    id: int
    lease: str
    payload: msgspec.Raw


class Line(msgspec.Struct):
    jobs: list[Job] = []
    settle: list[tuple[int, str]] = []


_decode = msgspec.json.Decoder(Line).decode
_encode = msgspec.json.encode


def open_durable(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-65536")
    connection.execute(
        "CREATE TABLE job (id INTEGER PRIMARY KEY, state INTEGER, lease TEXT, payload TEXT,"
        " started REAL, finished REAL)"
    )
    connection.execute("CREATE INDEX ready ON job (id) WHERE state = 0")
    return connection


def submit(connection: sqlite3.Connection, number: int) -> float:
    begun = time.perf_counter()
    rows = [(0, PAYLOAD)] * 1000
    for _ in range(number // 1000):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO job (state, payload) VALUES (?, ?)", rows)
        connection.execute("COMMIT")
    return time.perf_counter() - begun


def turn(connection: sqlite3.Connection, settle: list[tuple[int, str]]) -> list[tuple[int, str, str]]:
    """Settle what came, lease the next batch, one commit."""
    now = time.time()
    connection.execute("BEGIN IMMEDIATE")
    if settle:
        connection.executemany(
            "UPDATE job SET state = 2, started = ?, finished = ? WHERE id = ? AND lease = ? AND state = 1",
            [(now, now, job, lease) for job, lease in settle],
        )
    rows = connection.execute("SELECT id, payload FROM job WHERE state = 0 ORDER BY id LIMIT ?", (BATCH,)).fetchall()
    lease = secrets.token_hex(16)
    connection.executemany("UPDATE job SET state = 1, lease = ? WHERE id = ?", [(lease, row[0]) for row in rows])
    connection.execute("COMMIT")
    return [(row[0], lease, row[1]) for row in rows]


def work(port: int) -> None:
    """Take a line of jobs, run a no-op for each, send a line of settles."""

    async def noop(_: object) -> None:
        return None

    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as lines:
        for text in lines:
            jobs = _decode(text).jobs
            for job in jobs:
                try:
                    noop(msgspec.json.decode(job.payload)).send(None)
                except StopIteration:
                    continue
            connection.sendall(_encode(Line(settle=[(job.id, job.lease) for job in jobs])) + b"\n")


def drain(connection: sqlite3.Connection, number: int) -> float:
    """Two batches are under way, so that the store works while the worker does."""
    listener = socket.create_server(("127.0.0.1", 0))
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(listener.getsockname()[1],))
    worker.start()
    peer, _ = listener.accept()
    lines = peer.makefile("rb")
    begun = time.perf_counter()

    def send(rows: list[tuple[int, str, str]]) -> None:
        jobs = [Job(id=row[0], lease=row[1], payload=msgspec.Raw(row[2].encode())) for row in rows]
        peer.sendall(_encode(Line(jobs=jobs)) + b"\n")

    for _ in range(2):
        send(turn(connection, []))
    settled = 0
    while settled < number:
        line = _decode(next(lines))
        settled += len(line.settle)
        send(turn(connection, line.settle))
    spent = time.perf_counter() - begun
    peer.shutdown(socket.SHUT_RDWR)
    peer.close()
    worker.join(10)
    return spent


def loop(connection: sqlite3.Connection) -> float:
    begun = time.perf_counter()
    held: list[int] = []
    while True:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE job SET state = 2 WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(held),))
        rows = connection.execute("SELECT id FROM job WHERE state = 0 ORDER BY id LIMIT ?", (BATCH,)).fetchall()
        held = [row[0] for row in rows]
        connection.execute("UPDATE job SET state = 1 WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(held),))
        connection.execute("COMMIT")
        if not held:
            return time.perf_counter() - begun


def main() -> None:
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    connection = open_durable(folder / "floor.db")
    submitted = submit(connection, number)
    drained = drain(connection, number)
    submit(connection, number)
    looped = loop(connection)
    print(json.dumps({"submit": number / submitted, "drain": number / drained, "loop": number / looped}))


if __name__ == "__main__":
    main()
