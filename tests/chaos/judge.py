"""The verdict over a chaos run, from outside: the client's log, the tasks' journals, the workers' logs, the
kill log, and the api.

lost        an id that was acknowledged and is not found, or did not end
doubled     a (job, run) with more than one recorded outcome, or an outcome its kind forbids; a settle that took
            effect twice, or otherwise than recorded, by what the workers were told
unexplained an execution after another of the same run that no logged kill, freeze, drain or failure explains
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
from faults import Fault
from load import ClientLog
from verdicts import contradictions, read_worker_logs

RESUME_SECONDS = 10.0
"""A session whose connection broke lives 3 s, at most its TTL; expiry and a busy machine come on top."""
ENDED = {"completed", "dead_letter", "cancelled"}
BY_THE_TASK = {"failed", "timed_out", "snoozed"}
BY_A_DEATH = {"lost", "interrupted", "released", "crashed"}


@dataclass
class Verdict:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    jobs: int = 0
    executions: int = 0
    reexecutions: int = 0
    settled: int = 0
    replayed: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.unexplained or self.broken)


def read_journals(folder: Path) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Every line the tasks wrote, by (job, run), oldest first. A torn last line of a killed writer is dropped."""
    lines: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for path in folder.glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            lines[entry["job"], entry["run"]].append(entry)
    for entries in lines.values():
        entries.sort(key=lambda entry: entry["at"])
    return lines


def judge(http: httpx2.Client, log: ClientLog, journals: Path, faults: list[Fault]) -> Verdict:
    verdict = Verdict(jobs=len(log.accepted), broken=list(log.broken_promises))
    executions = read_journals(journals)
    told = read_worker_logs(journals.parent)
    verdict.broken += [f"settled without a grant: {line}" for line in told.nameless]
    verdict.settled, verdict.replayed = told.count("accepted"), told.count("replayed")
    hurt = {fault.target for fault in faults}
    cuts = [fault for fault in faults if fault.action == "CUT"]
    for accepted in log.accepted.values():
        reply = http.get(f"/jobs/{accepted.id}")
        if reply.status_code != 200:
            verdict.lost.append(f"{accepted.id}: {reply.status_code}")
            continue
        job = reply.json()
        if job["phase"] not in ENDED:
            verdict.lost.append(f"{accepted.id} ({accepted.kind}) is {job['phase']}: {job.get('reason')}")
            continue
        if job["phase"] not in accepted.expect:
            verdict.doubled.append(f"{accepted.id} ({accepted.kind}) ended {job['phase']}: {job.get('reason')}")
        attempts = http.get(f"/v1/namespaces/default/jobs/{accepted.id}/attempts").json()["items"]
        verdict.doubled += contradictions(told, accepted.id, attempts, faults)
        _judge_attempts(verdict, accepted.id, job, attempts)
        _judge_executions(verdict, accepted.id, attempts, executions, hurt, cuts)
        verdict.broken += given_after_cancel(accepted.id, accepted.cancel_acknowledged_at, attempts, executions)
    verdict.executions = sum(_starts(entries) for entries in executions.values())
    _judge_ledger(verdict, http, log)
    _judge_keys(verdict, log, executions, faults)
    return verdict


def _starts(entries: list[dict[str, Any]]) -> int:
    return sum(entry["event"] == "started" for entry in entries)


def _judge_attempts(verdict: Verdict, job: str, record: dict[str, Any], attempts: list[dict[str, Any]]) -> None:
    completed = [attempt for attempt in attempts if attempt.get("outcome") == "completed"]
    if len(completed) > 1 or (record["phase"] == "completed" and len(completed) != 1):
        verdict.doubled.append(f"{job}: {len(completed)} completed attempts, phase {record['phase']}")
    if any(attempt.get("outcome") is None for attempt in attempts):
        verdict.doubled.append(f"{job}: finished with an open attempt")


def _judge_executions(
    verdict: Verdict,
    job: str,
    attempts: list[dict[str, Any]],
    executions: dict[tuple[str, int], list[dict[str, Any]]],
    hurt: set[str],
    cuts: list[Fault],
) -> None:
    by_delivery = {(attempt.get("run", 0), attempt["number"]): attempt for attempt in attempts}
    for (name, run), entries in executions.items():
        if name != job:
            continue
        started = [entry for entry in entries if entry["event"] == "started"]
        verdict.reexecutions += max(0, len(started) - 1)
        seen = set()
        for entry in started:
            if entry["delivery"] in seen:
                verdict.doubled.append(f"{job}: delivery {entry['delivery']} ran twice")
            seen.add(entry["delivery"])
        for entry in started[:-1]:
            attempt = by_delivery.get((run, entry["delivery"]))
            outcome = None if attempt is None else attempt.get("outcome")
            explained = entry["worker"] in hurt or _was_cut_off(attempt, cuts)
            if outcome in BY_THE_TASK or (outcome in BY_A_DEATH and explained):
                continue
            verdict.unexplained.append(f"{job}: delivery {entry['delivery']} on {entry['worker']} ended {outcome}")


def _was_cut_off(attempt: dict[str, Any] | None, cuts: list[Fault]) -> bool:
    """Whether the end of the attempt may be that of a session that was not resumed in time after a cut."""
    if attempt is None or "finishedAt" not in attempt:
        return False
    ended = datetime.fromisoformat(attempt["finishedAt"]).timestamp()
    return any(cut.at <= ended <= cut.ended_at + RESUME_SECONDS for cut in cuts)


def given_after_cancel(
    job: str,
    acknowledged_at: float | None,
    attempts: list[dict[str, Any]],
    executions: dict[tuple[str, int], list[dict[str, Any]]],
) -> list[str]:
    """Executions that began after the cancel was told, but for those of deliveries that were on their way before: a
    worker that is frozen, or slow, starts such a one whenever it goes on."""
    if acknowledged_at is None:
        return []
    leased = {
        (attempt.get("run", 0), attempt["number"]): datetime.fromisoformat(attempt["leasedAt"]).timestamp()
        for attempt in attempts
    }
    return [
        f"{job}: started {entry['at'] - acknowledged_at:.2f} s after its cancel was told"
        for (name, run), entries in executions.items()
        for entry in entries
        if name == job and entry["event"] == "started" and entry["at"] > acknowledged_at
        if leased.get((run, entry["delivery"]), acknowledged_at) >= acknowledged_at
    ]


def _judge_ledger(verdict: Verdict, http: httpx2.Client, log: ClientLog) -> None:
    stats = http.get("/v1/namespaces/default/stats").json()
    if not stats["conserved"]:
        verdict.broken.append(f"G7: {stats}")
    counted = sum(queue.get("accepted", 0) for queue in stats["queues"])
    least, most = len(log.accepted), len(log.accepted) + len(log.unknown_keys)
    if not least <= counted <= most:
        verdict.broken.append(f"G7: the ledger counts {counted} accepted, the client {least} to {most}")


def _judge_keys(
    verdict: Verdict,
    log: ClientLog,
    executions: dict[tuple[str, int], list[dict[str, Any]]],
    faults: list[Fault],
) -> None:
    """Jobs of one concurrency key never ran side by side (both ends of a span known).

    A process that was stopped in its span outlives its lease unseen, by no will of its own: it writes when it is
    thawed, and its settle is refused. Its span tells nothing.
    """
    freezes = [fault for fault in faults if fault.action == "SIGSTOP"]
    spans: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for (job, _), entries in executions.items():
        key = log.accepted[job].keyed if job in log.accepted else None
        if key is None:
            continue
        begun: dict[int, float] = {}
        for entry in entries:
            if entry["event"] == "started":
                begun[entry["delivery"]] = entry["at"]
            elif entry["delivery"] in begun:
                start = begun.pop(entry["delivery"])
                if not any(
                    f.target == entry["worker"] and start <= f.ended_at and f.at <= entry["at"] for f in freezes
                ):
                    spans[key].append((start, entry["at"], job))
    for key, runs in spans.items():
        runs.sort()
        for (_, end, one), (start, _, other) in pairwise(runs):
            if start < end:
                verdict.broken.append(f"limit: {one} and {other} of {key} overlapped by {end - start:.3f} s")
