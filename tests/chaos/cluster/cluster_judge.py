"""The verdict over a chaos run on a cluster, from outside: the client's list of uids, the recorder's lines, a watch of
every status, the kill log, and the api.

lost        an object that was accepted and did not end, or whose job is not found
doubled     a (job, run) with more than one recorded outcome, an end that its kind forbids, a delivery that ran twice
unexplained a death or a repeated execution that no logged fault or failure explains
broken      a status that went backwards or disagrees with the engine, a ledger that does not add up, something left
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import httpx2
from objects import Accepted
from transitions import FINAL, Transitions

ENDED = {"completed", "dead_letter", "cancelled"}
BY_THE_TASK = {"failed", "timed_out", "snoozed"}
BY_A_DEATH = {"lost", "interrupted", "released", "crashed"}
SAME = {"run": "run", "revision": "revision", "jobID": "id", "attempts": "attempts", "lost": "lost"}
"""What a final status and the engine both say, by their names."""


@dataclass
class Verdict:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.unexplained or self.broken)


@dataclass
class Evidence:
    accepted: list[Accepted]
    objects: dict[str, dict[str, Any]]
    """By uid, those that are there at the end."""
    jobs: dict[str, dict[str, Any]]
    """By id, all that the engine has."""
    attempts: dict[str, list[dict[str, Any]]]
    """By job."""
    lines: list[dict[str, Any]]
    transitions: Transitions
    hurt: set[str]
    """Pods that any fault touched."""


def judge(evidence: Evidence) -> Verdict:
    verdict = Verdict()
    verdict.broken += evidence.transitions.backwards()
    owned = {job["owner"]["uid"]: job for job in evidence.jobs.values() if job.get("owner")}
    keyed = {job["idempotencyKey"]: job for job in evidence.jobs.values() if job.get("idempotencyKey")}
    claimed = set()
    for one in evidence.accepted:
        job = keyed.get(one.key) if one.key else owned.get(one.uid)
        if job is not None:
            claimed.add(job["id"])
        _judge_object(verdict, one, evidence.objects.get(one.uid), job)
    verdict.broken += [f"job {each} belongs to no accepted object" for each in evidence.jobs if each not in claimed]
    accepted = {one.uid for one in evidence.accepted}
    verdict.broken += [f"object {each} was made by nobody" for each in evidence.objects if each not in accepted]
    executions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in sorted(evidence.lines, key=lambda line: float(line["at"])):
        executions[line["job"]].append(line)
    verdict.broken += [f"{each} ran, and there is no such job" for each in executions if each not in evidence.jobs]
    for each, job in evidence.jobs.items():
        _judge_attempts(verdict, job, evidence.attempts[each], evidence.hurt)
        _judge_executions(verdict, each, evidence.attempts[each], executions[each], evidence.hurt)
    verdict.figures["objects"] = len(evidence.accepted)
    verdict.figures["jobs"] = len(evidence.jobs)
    verdict.figures["statuses"] = evidence.transitions.count
    verdict.figures["executions"] = sum(line["event"] == "started" for line in evidence.lines)
    return verdict


def _judge_object(verdict: Verdict, one: Accepted, thing: dict[str, Any] | None, job: dict[str, Any] | None) -> None:
    who = f"{one.name} ({one.uid})"
    if one.deleted_at is not None:
        verdict.figures["deleted"] += 1
        if thing is not None:
            verdict.broken.append(f"{who} was deleted and is there")
        if job is None:
            verdict.figures["deleted_before_the_engine"] += 1
        elif job["phase"] not in ENDED:
            verdict.broken.append(f"{who} was deleted in {one.deleted_in}, its job is left {job['phase']}")
        return
    if thing is None or job is None:
        verdict.lost.append(f"{who}: {'object' if thing is None else 'job'} is gone")
        return
    status = thing.get("status") or {}
    if status.get("phase") not in FINAL or job["phase"] not in ENDED:
        verdict.lost.append(f"{who} is {status.get('phase')} and its job {job['phase']}: {job.get('reason')}")
        return
    if job["phase"] not in one.expect:
        verdict.doubled.append(f"{who} ended {job['phase']}: {job.get('reason')} {job.get('lastError')}")
    shown = {mine: status.get(mine) or 0 for mine in SAME} | {"phase": status["phase"].lower()}
    known = {mine: job.get(its) or 0 for mine, its in SAME.items()} | {"phase": job["phase"].replace("_", "")}
    if shown != known:
        verdict.broken.append(f"{who} shows {shown}, the engine has {known}")


def _judge_attempts(verdict: Verdict, job: dict[str, Any], attempts: list[dict[str, Any]], hurt: set[str]) -> None:
    outcomes = Counter((attempt.get("run", 0), attempt.get("outcome")) for attempt in attempts)
    numbers = Counter((attempt.get("run", 0), attempt["number"]) for attempt in attempts)
    completed = [count for (_, outcome), count in outcomes.items() if outcome == "completed"]
    if any(count > 1 for count in [*completed, *numbers.values()]):
        verdict.doubled.append(f"{job['id']}: {outcomes}")
    if job["phase"] == "completed" and not completed:
        verdict.doubled.append(f"{job['id']} is completed without an attempt that is")
    for attempt in attempts:
        outcome = attempt.get("outcome")
        verdict.figures[f"attempts_{outcome}"] += 1
        if outcome is None:
            verdict.doubled.append(f"{job['id']} ended with an open attempt")
        if outcome in {"lost", "crashed"} and attempt["worker"] not in hurt:
            verdict.unexplained.append(f"{job['id']}: {attempt['worker']} is said to have lost it: {attempt}")


def _judge_executions(
    verdict: Verdict, job: str, attempts: list[dict[str, Any]], lines: list[dict[str, Any]], hurt: set[str]
) -> None:
    by_delivery = {(attempt.get("run", 0), attempt["number"]): attempt for attempt in attempts}
    started = [line for line in lines if line["event"] == "started"]
    seen = Counter((line["run"], line["delivery"]) for line in started)
    verdict.doubled += [f"{job}: delivery {which} ran {count} times" for which, count in seen.items() if count > 1]
    verdict.broken += [
        f"{job}: {which} ran, no attempt of it is recorded" for which in seen if which not in by_delivery
    ]
    last = {line["run"]: line for line in started}
    for line in started:
        if line is last[line["run"]]:
            continue
        verdict.figures["reexecutions"] += 1
        outcome = by_delivery.get((line["run"], line["delivery"]), {}).get("outcome")
        if outcome in BY_THE_TASK or (outcome in BY_A_DEATH and line["worker"] in hurt):
            continue
        verdict.unexplained.append(f"{job}: delivery {line['delivery']} on {line['worker']} ended {outcome}")


def judge_ledger(verdict: Verdict, http: httpx2.Client, namespace: str, jobs: int) -> None:
    stats = http.get(f"/v1/namespaces/{namespace}/stats").json()
    if not stats["conserved"]:
        verdict.broken.append(f"G7: {stats}")
    counted = sum(queue.get("accepted", 0) for queue in stats["queues"])
    if counted != jobs:
        verdict.broken.append(f"G7: the ledger counts {counted} accepted, REST lists {jobs}")
