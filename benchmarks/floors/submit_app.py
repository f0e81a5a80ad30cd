"""The barest durable submit and push: raw ASGI on uvicorn, adaptive group commit into one SQLite table,
then one line over TCP to whoever listens. It validates nothing and answers no question."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import uvicorn


class Committer:
    """While one flush is in flight, the next collects: the same idea as the product's, without its work."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS job (id INTEGER PRIMARY KEY, payload BLOB)")
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._wake = threading.Event()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._write, daemon=True).start()

    def add(self, body: bytes) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((body, future))
        self._wake.set()
        return future

    def _write(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            if not batch:
                continue
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT INTO job (payload) VALUES (?)", [(body,) for body, _ in batch])
            self._connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(self._done, batch)

    def _done(self, batch: list[tuple[bytes, asyncio.Future[None]]]) -> None:
        for _, future in batch:
            if not future.done():
                future.set_result(None)


class App:
    def __init__(self, path: Path, push_port: int) -> None:
        self._path = path
        self._push_port = push_port
        self._committer: Committer | None = None
        self._listeners: list[asyncio.StreamWriter] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self._committer = Committer(self._path)
            await asyncio.start_server(lambda _, writer: self._listeners.append(writer), "127.0.0.1", self._push_port)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        assert self._committer is not None
        await self._committer.add(body)
        for writer in self._listeners:
            writer.write(body + b"\n")
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"id":"1"}'})


def serve(path: str, port: int, push_port: int) -> None:
    uvicorn.run(
        App(Path(path), push_port),  # type: ignore[arg-type]
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
    )


if __name__ == "__main__":
    import sys

    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
