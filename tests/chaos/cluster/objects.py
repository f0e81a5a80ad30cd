"""What the run on a cluster asks for: a seeded mix of TaskJobs as objects, and the client's own list of those that the
API server accepted."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

from api_server import APPLY, MERGE, ApiServer, taskjobs
from transitions import Transitions

ENDED = frozenset({"completed", "dead_letter", "cancelled"})
WEIGHTS = {
    "plain": 48,
    "flaky": 10,
    "doomed": 3,
    "keyed": 6,
    "shared": 4,
    "delayed": 6,
    "cancelled": 6,
    "deleted": 8,
    "twice": 5,
    "recreated": 4,
}
QUEUE = "chaos"


@dataclass
class Accepted:
    """One object for which the client saw that it exists. `expect` lists the phases in which its job may end."""

    uid: str
    name: str
    kind: str
    expect: frozenset[str]
    deleted_at: float | None = None
    deleted_in: str = ""
    key: str | None = None


@dataclass
class Objects:
    """Submits until told to stop. Each object's whole life is one coroutine."""

    server: ApiServer
    namespace: str
    seed: int
    rate: float
    transitions: Transitions
    accepted: dict[str, Accepted] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        number = 0
        pace = random.Random(self.seed)
        async with asyncio.TaskGroup() as lives:
            while not self.stopping.is_set():
                dice = random.Random(f"{self.seed}-{number}")
                kind = dice.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]
                lives.create_task(self._life(kind, f"{kind}-{number}", dice))
                number += 1
                await asyncio.sleep(pace.expovariate(self.rate))

    def draw(self, kind: str, dice: random.Random) -> tuple[dict[str, Any], frozenset[str]]:
        """A spec, and the phases that it may end in."""
        spec: dict[str, Any] = {
            "queue": QUEUE,
            "task": dice.choice(["chaos.work", "chaos.work", "chaos.thread"]),
            "payload": {"milliseconds": dice.randrange(0, 201)},
            "retry": {"maxAttempts": 4, "maxLost": 20, "backoff": {"initialSeconds": 0, "maxSeconds": 1}},
        }
        ends = frozenset({"completed"})
        if kind == "flaky":
            spec["payload"]["fail_first"] = dice.randrange(1, 4)
        elif kind == "doomed":
            spec["payload"]["fail_first"] = 99
            spec["retry"]["maxAttempts"] = 2
            ends = frozenset({"dead_letter"})
        elif kind == "keyed":
            spec["concurrencyKey"] = f"key-{dice.randrange(5)}"
        elif kind == "delayed":
            due = time.gmtime(time.time() + dice.uniform(1.0, 4.0))
            spec["startAfter"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", due)
        elif kind == "cancelled":
            ends = frozenset({"cancelled", "completed"})
        elif kind in {"deleted", "recreated"}:
            spec["payload"]["milliseconds"] = dice.randrange(0, 3000)
            spec["payload"]["fail_first"] = dice.choice([0, 0, 1])
        return spec, ends

    async def _life(self, kind: str, name: str, dice: random.Random) -> None:
        spec, ends = self.draw(kind, dice)
        pause = dice.uniform(0.0, 3.0)
        if kind == "shared":
            spec["idempotencyKey"] = f"{self.seed}-{name}"
        one = await self.create(name, kind, spec, ends)
        if kind == "shared":
            await asyncio.sleep(pause / 4)
            other = await self.create(f"{name}-too", kind, spec, ends)
            one.key = other.key = spec["idempotencyKey"]
        elif kind == "twice":
            await asyncio.sleep(pause / 4)
            if (again := await self._apply(name, spec)) != one.uid:
                self.broken.append(f"{name} applied again is {again}, was {one.uid}")
        elif kind == "cancelled":
            await asyncio.sleep(pause / 4)
            await self.server.call("PATCH", taskjobs(self.namespace, name), {"spec": {"cancel": True}}, headers=MERGE)
        elif kind == "deleted":
            await asyncio.sleep(pause)
            await self.delete(one)
        elif kind == "recreated":
            await asyncio.sleep(pause)
            await self.delete(one)
            spec, _ = self.draw("plain", dice)
            await self.create(name, "plain", spec, ends)

    async def create(self, name: str, kind: str, spec: dict[str, Any], ends: frozenset[str]) -> Accepted:
        """Made exactly once: where an answer was lost, the object of that name is ours."""
        uid = await (self._apply(name, spec) if kind == "twice" else self._post(name, spec))
        return self.accepted.setdefault(uid, Accepted(uid, name, kind, ends))

    async def delete(self, one: Accepted) -> None:
        """Acknowledged, or already done by a call whose answer was lost."""
        one.deleted_in, one.expect = self.transitions.phase(one.uid), ENDED
        options = {"preconditions": {"uid": one.uid}, "propagationPolicy": "Background"}
        reply = await self.server.call("DELETE", taskjobs(self.namespace, one.name), options)
        if reply.status_code not in {200, 202, 404, 409}:
            self.broken.append(f"DELETE {one.name}: {reply.status_code} {reply.text[:300]}")
        one.deleted_at = time.time()

    def shows_job(self, uid: str) -> str:
        """The phase that the operator has written; empty while there is only the default."""
        told = self.transitions.of.get(uid)
        return told[-1].phase if told and (told[-1].job or told[-1].phase == "Rejected") else ""

    async def object(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.server.get(taskjobs(self.namespace, name))
        return found

    async def _post(self, name: str, spec: dict[str, Any]) -> str:
        reply = await self.server.call(
            "POST", taskjobs(self.namespace), _document(name, spec), fieldValidation="Strict"
        )
        if reply.status_code == 409:
            reply = await self.server.call("GET", taskjobs(self.namespace, name))
        return self._uid(name, reply)

    async def _apply(self, name: str, spec: dict[str, Any]) -> str:
        where = taskjobs(self.namespace, name)
        options = {"fieldManager": "chaos", "fieldValidation": "Strict"}
        return self._uid(name, await self.server.call("PATCH", where, _document(name, spec), headers=APPLY, **options))

    def _uid(self, name: str, reply: Any) -> str:
        if reply.status_code not in {200, 201}:
            raise RuntimeError(f"{name} was refused: {reply.status_code} {reply.text[:500]}")
        uid: str = reply.json()["metadata"]["uid"]
        return uid


def _document(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"chaos": "true"}}
    return {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskJob", "metadata": metadata, "spec": spec}
