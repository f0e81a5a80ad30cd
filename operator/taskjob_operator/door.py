"""The api as the operator speaks to it: the operator protocol over HTTP. Each method is one call.

A call that fails with a transient `DoorError` may have taken effect or not; all of them converge when repeated.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec

from taskjob.wire import operator_messages as wire
from taskjob_operator.replies import ChangesRead, Ensured

T = TypeVar("T")
TOKEN_SECONDS = 10.0
"""How long a token that was read from its file is used without looking again."""

MAX_BODY_BYTES = 3 * 1024 * 1024
"""Most that one call carries; the api takes 4 MiB."""


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""
    title: str = ""


class DoorError(Exception):
    """`status` 0: no answer. `code` is the problem's stable code."""

    def __init__(self, status: int, code: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{detail} [{code}]" if code else detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after = retry_after

    @property
    def transient(self) -> bool:
        """What the world may mend; the rest says that this request is wrong and never will be right."""
        return self.status in {0, 401, 403, 404, 408, 409, 429} or self.status >= 500


class Door:
    """Create and close it inside the event loop. `fence` is called before each call and raises where this process
    must not act any more."""

    def __init__(
        self,
        url: str,
        *,
        token_file: str | None = None,
        ca_file: str | None = None,
        fence: Callable[[], None],
        seconds: float = 15.0,
    ) -> None:
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._token: str | None = None
        self._token_until = 0.0
        self._fence = fence
        self._seconds = seconds
        secured = ssl.create_default_context(cafile=ca_file) if url.startswith("https:") else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=8, ssl=secured), headers={"User-Agent": "taskjob-operator"}
        )

    async def close(self) -> None:
        await self._session.close()

    async def ensure(self, jobs: Sequence[wire.DeclaredJob]) -> wire.JobsEnsured:
        return await self._post("jobs/ensure", wire.EnsureJobs(jobs=tuple(jobs)), Ensured)

    async def disown(self, jobs: Sequence[wire.DisownedJob]) -> wire.JobsDisowned:
        return await self._post("jobs/disown", wire.DisownJobs(jobs=tuple(jobs)), wire.JobsDisowned)

    async def changes(self, request: wire.ReadChanges) -> wire.JobsChanged:
        return await self._post("jobs/changes", request, ChangesRead, waits=request.wait_seconds)

    async def owned(self, request: wire.ReadOwned) -> wire.OwnedJobs:
        return await self._post("jobs/owned", request, wire.OwnedJobs)

    async def report_orphans(self, report: wire.ReportOrphans) -> wire.OrphansReported:
        return await self._post("orphans", report, wire.OrphansReported)

    async def ensure_queues(self, cluster_id: str, queues: Sequence[wire.DeclaredQueue]) -> wire.QueuesEnsured:
        request = wire.EnsureQueues(cluster_id=cluster_id, queues=tuple(queues))
        return await self._post("queues/ensure", request, wire.QueuesEnsured)

    async def managed_queues(self, cluster_id: str) -> wire.ManagedQueues:
        return await self._post("queues/managed", wire.ReadManagedQueues(cluster_id=cluster_id), wire.ManagedQueues)

    async def queue_numbers(self, queues: Sequence[tuple[str, str]]) -> wire.QueueNumbersRead:
        return await self._post("queues/numbers", wire.ReadQueueNumbers(queues=tuple(queues)), wire.QueueNumbersRead)

    async def end_pods(self, pods: Sequence[wire.EndedPod]) -> wire.PodsEnded:
        return await self._post("pods/ended", wire.EndPods(pods=tuple(pods)), wire.PodsEnded)

    async def _post(self, path: str, request: msgspec.Struct, reply: type[T], *, waits: float = 0.0) -> T:
        self._fence()
        headers = {"Content-Type": "application/json"}
        try:
            if token := self._read_token():
                headers["Authorization"] = f"Bearer {token}"
            async with self._session.post(
                f"{self._url}/operator/v1/{path}",
                data=msgspec.json.encode(request),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self._seconds + waits, connect=5.0),
                allow_redirects=False,
            ) as response:
                answer = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise DoorError(0, "", f"no answer from the api: {type(error).__name__}: {error}") from error
        if response.status != 200:
            if response.status == 401:
                self._token_until = 0.0
            raise _error_of(response.status, answer, response.headers.get("Retry-After"))
        try:
            return msgspec.json.decode(answer, type=reply)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise DoorError(502, "", f"the api answered what this operator does not understand: {error}") from error

    def _read_token(self) -> str | None:
        if self._token_file is None:
            return None
        now = time.monotonic()
        if now >= self._token_until:
            self._token = Path(self._token_file).read_text().strip()
            self._token_until = now + TOKEN_SECONDS
        return self._token


def _error_of(status: int, body: bytes, retry_after: str | None) -> DoorError:
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, msgspec.ValidationError):
        problem = _Problem(detail=body[:200].decode(errors="replace"))
    try:
        seconds = None if retry_after is None else min(max(float(retry_after), 0.0), 60.0)
    except ValueError:
        seconds = None
    return DoorError(status, problem.code, problem.detail or problem.title or f"the api answered {status}", seconds)
