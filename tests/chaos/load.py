"""What the chaos run asks for: a seeded mix of jobs, and the client's own log of what was acknowledged.

It speaks plain REST, as a stranger would, so that the judge does not trust the SDK it tests.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2


@dataclass
class Accepted:
    """One job for which the client saw a 2xx. `expect` lists the phases it may end in."""

    id: str
    key: str
    kind: str
    expect: frozenset[str]
    accepted_at: float
    keyed: str | None = None
    cancel_acknowledged_at: float | None = None


@dataclass
class ClientLog:
    accepted: dict[str, Accepted] = field(default_factory=dict)
    unknown_keys: set[str] = field(default_factory=set)
    errors: dict[str, int] = field(default_factory=dict)
    broken_promises: list[str] = field(default_factory=list)

    def note_error(self, what: str) -> None:
        self.errors[what] = self.errors.get(what, 0) + 1


def draw_job(dice: random.Random, number: int, seed: int) -> tuple[str, frozenset[str], dict[str, Any]]:
    """One document of the mix: its kind, the phases it may end in, and the body of the POST."""
    body: dict[str, Any] = {
        "task": dice.choice(["chaos.work", "chaos.work", "chaos.thread"]),
        "payload": {"milliseconds": dice.randrange(0, 201)},
        "idempotencyKey": f"chaos-{seed}-{number}",
        "retry": {"maxAttempts": 4, "maxLost": 100, "backoff": {"initialSeconds": 0, "maxSeconds": 1}},
        "labels": {"chaos": "true"},
    }
    kind = dice.choices(["plain", "flaky", "doomed", "keyed", "delayed", "cancelled"], weights=[66, 12, 3, 8, 6, 5])[0]
    ends = frozenset({"completed"})
    if kind == "flaky":
        body["payload"]["fail_first"] = dice.randrange(1, 4)
    elif kind == "doomed":
        body["payload"]["fail_first"] = 99
        body["retry"]["maxAttempts"] = 2
        ends = frozenset({"dead_letter"})
    elif kind == "keyed":
        body["concurrencyKey"] = f"key-{dice.randrange(5)}"
    elif kind == "delayed":
        wait = dice.uniform(0.2, 3.0)
        body["startAfter"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + wait))
    elif kind == "cancelled":
        ends = frozenset({"cancelled", "completed"})
    return kind, ends, body


class Load:
    """Submits until told to stop; every POST may be repeated with its key until an answer is seen."""

    def __init__(self, url: str, *, seed: int, rate: float) -> None:
        self._url = url
        self._seed = seed
        self._rate = rate
        self._dice = random.Random(seed)
        self.log = ClientLog()
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        number = 0
        running: set[asyncio.Task[None]] = set()
        async with httpx2.AsyncClient(base_url=self._url, timeout=10.0) as http:
            while not self.stopping.is_set():
                kind, ends, body = draw_job(self._dice, number, self._seed)
                repeat = self._dice.random() < 0.05
                task = asyncio.create_task(self._one(http, kind, ends, body, repeat=repeat))
                running.add(task)
                task.add_done_callback(running.discard)
                number += 1
                await asyncio.sleep(self._dice.expovariate(self._rate))
            await asyncio.gather(*running)

    async def _one(
        self, http: httpx2.AsyncClient, kind: str, ends: frozenset[str], body: dict[str, Any], *, repeat: bool
    ) -> None:
        reply = await self._until_answered(http, "POST", "/jobs", body)
        key = body["idempotencyKey"]
        if reply is None or reply.status_code not in {200, 201}:
            self.log.unknown_keys.add(key)
            self.log.note_error(f"submit: {None if reply is None else reply.status_code}")
            return
        job = reply.json()["id"]
        accepted = Accepted(job, key, kind, ends, time.time(), body.get("concurrencyKey"))
        self.log.accepted[job] = accepted
        if repeat:
            again = await self._until_answered(http, "POST", "/jobs", body)
            if again is not None and (again.status_code not in {200, 201} or again.json()["id"] != job):
                self.log.broken_promises.append(f"G6: {key} gave {job}, then {again.status_code} {again.text}")
        if kind == "cancelled":
            await asyncio.sleep(self._dice.uniform(0, 0.3))
            answer = await self._until_answered(http, "POST", f"/v1/namespaces/default/jobs/{job}/cancel", {})
            if answer is not None and answer.status_code == 200:
                accepted.cancel_acknowledged_at = time.time()

    async def _until_answered(
        self, http: httpx2.AsyncClient, method: str, path: str, body: dict[str, Any]
    ) -> httpx2.Response | None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                reply = await http.request(method, path, json=body)
            except httpx2.HTTPError as error:
                self.log.note_error(type(error).__name__)
            else:
                if reply.status_code not in {429, 503, 504}:
                    return reply
                self.log.note_error(f"HTTP {reply.status_code}")
            await asyncio.sleep(0.1)
        return None
