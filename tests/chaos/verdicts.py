"""What the workers were told of their settles, from their own logs, held against what the api recorded.

A delivery's settle takes effect once: the first answer that a worker sees is `accepted`, or `replayed` where that
answer was lost; every repeat is `replayed`, and the record says what the worker was told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from faults import Fault

GRANTED = re.compile(r"granted job=(\w+) lease=(\w+) run=(\d+) delivery=(\d+)$")
SETTLED = re.compile(r"^(\S+ \S+) .*settled job=(\w+) lease=(\w+) outcome=(\w+) verdict=(\w+)$")
DEAF_BEFORE_SECONDS = 5.0
"""A settle that was recorded so shortly before its worker's end may never have been answered."""
ANSWER_SECONDS = 1.0
"""A verdict that comes so long after a settle was recorded is of a later one: answers come in order."""
SESSION_OVER = "SessionGone"
TOOK_EFFECT = {"accepted", "replayed"}
BY_THE_WORKER = {"completed", "failed", "snoozed"}

Delivery = tuple[str, int, int]
"""Job, run and number."""


@dataclass
class Told:
    """Of each delivery (outcome, verdict), in the order in which the worker heard them."""

    of: dict[Delivery, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    forgotten: set[Delivery] = field(default_factory=set)
    """Held by a session that was over before the worker heard what became of them."""
    heard_at: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of each place in the fleet, when its workers heard a verdict (seconds since the epoch)."""
    nameless: list[str] = field(default_factory=list)
    """Verdicts of deliveries that no log of a grant names."""

    def count(self, verdict: str) -> int:
        return sum(heard == verdict for lines in self.of.values() for _, heard in lines)


def read_worker_logs(folder: Path) -> Told:
    """A torn last line of a killed worker is dropped."""
    told = Told()
    for path in sorted(folder.glob("worker-*.log")):
        granted: dict[tuple[str, str], Delivery] = {}
        for line in path.read_text(errors="replace").splitlines():
            if found := GRANTED.search(line):
                job, lease, run, number = found.groups()
                granted[job, lease] = (job, int(run), int(number))
            elif SESSION_OVER in line:
                told.forgotten |= {delivery for delivery in granted.values() if delivery not in told.of}
            elif found := SETTLED.search(line):
                at, job, lease, outcome, verdict = found.groups()
                told.heard_at[path.stem].append(_log_time(at))
                delivery = granted.get((job, lease))
                if delivery is None:
                    told.nameless.append(line)
                else:
                    told.of[delivery].append((outcome, verdict))
    return told


def _log_time(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()


def contradictions(told: Told, job: str, attempts: list[dict[str, Any]], faults: list[Fault]) -> list[str]:
    """What the workers heard of this job and what was recorded cannot both be true."""
    found = []
    for attempt in attempts:
        delivery = (job, attempt.get("run", 0), attempt["number"])
        outcome = attempt.get("outcome")
        lines = told.of.get(delivery, [])
        verdicts = [verdict for _, verdict in lines]
        effective = [said for said, verdict in lines if verdict in TOOK_EFFECT]
        if verdicts.count("accepted") > 1:
            found.append(f"{delivery}: accepted {verdicts.count('accepted')} times")
        if any(said != outcome for said in effective):
            found.append(f"{delivery}: {effective} took effect, recorded is {outcome}")
        first = next((at for at, verdict in enumerate(verdicts) if verdict in TOOK_EFFECT), len(verdicts))
        if any(verdict != "replayed" for verdict in verdicts[first + 1 :]):
            found.append(f"{delivery}: a repeat was told {verdicts[first + 1 :]}")
        heard = effective or delivery in told.forgotten or _was_hurt(told, attempt, faults)
        if outcome in BY_THE_WORKER and not heard:
            found.append(f"{delivery}: {outcome} was recorded, {attempt['worker']} heard {verdicts}")
    recorded = {(job, attempt.get("run", 0), attempt["number"]) for attempt in attempts}
    settled = {delivery for delivery, lines in told.of.items() if delivery[0] == job and lines}
    return [*found, *(f"{delivery}: settled, and no attempt of it is recorded" for delivery in settled - recorded)]


def _was_hurt(told: Told, attempt: dict[str, Any], faults: list[Fault]) -> bool:
    """Whether the worker may not have lived to hear what became of its settle: it was hurt about then, or before
    it heard of anything (its api may have been away all the time)."""
    worker = attempt["worker"]
    ended = datetime.fromisoformat(attempt["finishedAt"]).timestamp()
    hits = [fault for fault in faults if fault.target == worker]
    if any(fault.at - DEAF_BEFORE_SECONDS <= ended <= fault.ended_at + DEAF_BEFORE_SECONDS for fault in hits):
        return True
    heard = [at for at in told.heard_at[worker.rpartition(".")[0]] if at > ended + ANSWER_SECONDS]
    return any(fault.at >= ended and not any(at < fault.at for at in heard) for fault in hits)
