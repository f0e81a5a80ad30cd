"""The status of a TaskQueue: a pure function of what was declared, of its workers and of the engine's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskjob.wire.operator_messages import QueueNumbers
from taskjob_operator.queues.conditions import Said, conditions
from taskjob_operator.queues.conditions import unknown as conditions_unknown
from taskjob_operator.queues.seen import Seen

NUMBERS_SECONDS = 10.0
"""What only counts is written this often at most."""

COUNTING = frozenset(
    {"depth", "running", "delayed", "failed", "unservable", "oldestAgeSeconds", "oldest", "statsAt", "workers"}
)
_INT32_MAX = 2**31 - 1


def status_of(seen: Seen, before: Mapping[str, Any], *, now: str) -> dict[str, Any]:
    """The whole status. What `before` said of an aspect that did not change keeps its time; numbers that the api does
    not tell now stay as they were."""
    pool = seen.pool
    paused_by = _paused_by(seen)
    said = conditions(seen, paused_by)
    status: dict[str, Any] = {
        "observedGeneration": seen.generation,
        "state": _state(seen, paused_by),
        "replicas": pool.replicas,
        "readyReplicas": pool.ready,
        "workers": _workers(seen),
        "pausedBy": paused_by,
        "statsAt": now,
        **_numbers(seen.numbers, before),
        "conditions": [*(_condition(each, seen.generation, before, now) for each in said), *_kept(seen, before)],
    }
    if pool.desired is not None:
        status["desiredReplicas"] = pool.desired
    if pool.selector:
        status["selector"] = pool.selector
    if "lastScale" in before:
        status["lastScale"] = before["lastScale"]
    return status


def differs(status: Mapping[str, Any], before: Mapping[str, Any], *, ignore: frozenset[str] = frozenset()) -> bool:
    """Whether more than the time of writing, or what is to be ignored, changed."""
    skip = ignore | {"statsAt"}
    return any(status.get(key) != before.get(key) for key in {*status, *before} - skip)


def _paused_by(seen: Seen) -> list[str]:
    """The halves of the pause: the declared one is told by the spec, a person's by the api (`api:<who>`)."""
    told = seen.numbers.paused_by if seen.numbers is not None else ()
    by_person = any(each.partition(":")[0] == "api" for each in told)
    return ["spec"] * seen.paused + ["api"] * by_person


def _state(seen: Seen, paused_by: list[str]) -> str:
    pool = seen.pool
    if seen.refused is not None:
        return "Invalid"
    if paused_by:
        return "Paused"
    if pool.trouble is not None:
        return "Degraded"
    if pool.declared and pool.desired and not pool.ready:
        return "Pending"
    if not pool.desired and not (seen.numbers is not None and seen.numbers.workers):
        return "NoWorkers"
    return "Active"


def _workers(seen: Seen) -> str:
    if seen.pool.declared:
        return f"{seen.pool.ready}/{seen.pool.desired}"
    return str(seen.numbers.workers) if seen.numbers is not None else ""


def _numbers(numbers: QueueNumbers | None, before: Mapping[str, Any]) -> dict[str, Any]:
    if numbers is None:
        return {key: before[key] for key in sorted(COUNTING - {"workers", "statsAt"}) if key in before}
    age = min(int(numbers.oldest_age_seconds), _INT32_MAX) if numbers.ready else 0
    return {
        "depth": numbers.ready,
        "running": numbers.running,
        "delayed": numbers.delayed,
        "failed": numbers.dead_letters,
        "unservable": numbers.unservable,
        "oldestAgeSeconds": age,
        "oldest": in_words(age) if numbers.ready else "",
    }


def in_words(seconds: int) -> str:
    """As kubectl shows an age: 9s, 4m30s, 2h5m, 3d."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours_of_day = divmod(hours, 24)
    if days >= 2:
        return f"{days}d{hours_of_day}h" if days < 8 and hours_of_day else f"{days}d"
    if hours:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    if minutes >= 2:
        return f"{minutes}m{rest}s" if minutes < 10 and rest else f"{minutes}m"
    return f"{seconds}s"


def _kept(seen: Seen, before: Mapping[str, Any]) -> list[Any]:
    unknown = conditions_unknown(seen, before.get("observedGeneration", 0))
    return [each for each in before.get("conditions") or () if each.get("type") in unknown]


def _condition(said: Said, generation: int, before: Mapping[str, Any], now: str) -> dict[str, Any]:
    since = now
    for each in before.get("conditions") or ():
        if each.get("type") == said.type and each.get("status") == said.status:
            since = each.get("lastTransitionTime") or now
    return {
        "type": said.type,
        "status": said.status,
        "reason": said.reason,
        "message": said.message,
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }
