"""What is known at the end of a run, gathered through public doors: REST, the API server and the recorder."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx2
from api_server import ApiServer, pods, taskjobs
from cluster_judge import ENDED, Evidence, Verdict, judge, judge_ledger
from harm import Harm
from objects import Objects
from recorder import PORT
from release import Release
from transitions import FINAL, Transitions


async def until_quiet(server: ApiServer, release: Release, objects: Objects, seconds: float) -> bool:
    """Every object that is there has ended, and no job of those that are gone lives; False when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        listed = (await server.get(taskjobs(release.workers)))["items"]
        waiting = [thing for thing in listed if (thing.get("status") or {}).get("phase") not in FINAL]
        if not waiting:
            live = await asyncio.to_thread(_live, release)
            if live == 0:
                return True
        await asyncio.sleep(1)
    return False


def _live(release: Release) -> int:
    try:
        with release.rest() as http:
            return sum(job["phase"] not in ENDED for job in all_jobs(http, release.workers).values())
    except (httpx2.HTTPError, OSError):
        return -1


def all_jobs(http: httpx2.Client, namespace: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    params = {"limit": "200"}
    while True:
        reply = http.get(f"/v1/namespaces/{namespace}/jobs", params=params)
        reply.raise_for_status()
        page = reply.json()
        found |= {job["id"]: job for job in page["items"]}
        if not (cursor := page.get("nextCursor")):
            return found
        params = {"limit": "200", "cursor": cursor}


async def verdict_of(
    server: ApiServer, release: Release, objects: Objects, transitions: Transitions, harm: Harm
) -> Verdict:
    listed = (await server.get(taskjobs(release.workers)))["items"]
    path = f"{pods(release.system)}/recorder:{PORT}/proxy/lines"
    told = [json.loads(line) for line in (await server.call("GET", path)).text.splitlines()]
    lines = list({line["id"]: line for line in told}.values())
    with release.rest() as http:
        jobs = all_jobs(http, release.workers)
        attempts = {}
        for job in jobs:
            reply = http.get(f"/v1/namespaces/{release.workers}/jobs/{job}/attempts")
            reply.raise_for_status()
            attempts[job] = reply.json()["items"]
        evidence = Evidence(
            accepted=list(objects.accepted.values()),
            objects={thing["metadata"]["uid"]: thing for thing in listed},
            jobs=jobs,
            attempts=attempts,
            lines=lines,
            transitions=transitions,
            hurt={fault.target for fault in harm.faults},
        )
        verdict = judge(evidence)
        verdict.broken += objects.broken
        judge_ledger(verdict, http, release.workers, len(jobs))
    return verdict
