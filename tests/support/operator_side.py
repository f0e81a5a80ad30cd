"""The operator's side of its protocol, as short words over a client of the api."""

from __future__ import annotations

from typing import Any

import httpx2
import msgspec

from taskjob.model import Job

CLUSTER = "c1"


def owner(uid: str = "u1", *, name: str | None = None, namespace: str = "default", cluster: str = CLUSTER) -> dict:
    return {"clusterId": cluster, "namespace": namespace, "name": name or f"job-{uid}", "uid": uid}


def declared(uid: str = "u1", *, known: dict | None = None, labels: dict | None = None, **spec: Any) -> dict:
    """A TaskJob as the operator read it; `known` is an earlier reply that the object's status repeats."""
    item: dict[str, Any] = {"owner": owner(uid), "spec": {"queue": "default", "task": "demo"} | spec}
    if labels:
        item["labels"] = labels
    if known is not None:
        item |= {"knownJob": known["jobs"][0]["job"]["id"], "knownIncarnation": known["incarnation"]}
    return item


class OperatorSide:
    def __init__(self, client: httpx2.AsyncClient, **headers: str) -> None:
        self._client = client
        self._headers = headers

    async def post(self, call: str, body: Any) -> httpx2.Response:
        return await self._client.post(f"/operator/v1/{call}", json=body, headers=self._headers)

    async def told(self, call: str, body: Any) -> dict:
        answer = await self.post(call, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ensure(self, *items: dict) -> list[dict]:
        return (await self.told("jobs/ensure", {"jobs": items}))["jobs"]

    async def ensure_one(self, uid: str = "u1", **spec: Any) -> dict:
        [verdict] = await self.ensure(declared(uid, **spec))
        return verdict

    async def disown(self, job: str, uid: str = "u1", heir: dict | None = None) -> str:
        item = {"owner": owner(uid), "job": job} | ({} if heir is None else {"heir": heir})
        [outcome] = (await self.told("jobs/disown", {"jobs": [item]}))["outcomes"]
        return outcome

    async def changes(self, *ack: tuple[str, int], cluster: str = CLUSTER, **more: Any) -> list[dict]:
        told = await self.told("jobs/changes", {"clusterId": cluster, "ack": ack} | more)
        return told["changes"]


def snapshot_of(verdict: dict) -> Job:
    """The snapshot as the operator's own decoder reads it."""
    return msgspec.convert(verdict["job"], Job)
