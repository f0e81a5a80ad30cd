"""The conditions of a TaskQueue. Ready, Paused, ScalingActive, Reconciling and Stalled always stand there; the rest
only while it is true."""

from __future__ import annotations

import msgspec

from taskjob_operator.queues.seen import Seen
from taskjob_operator.queues.trouble import MAX_MESSAGE
from taskjob_operator.resources.names import TERMINATION_MARGIN_SECONDS

DRAIN_TOO_SHORT = "DrainTooShort"
ORPHANS_HELD = "OrphansHeld"


class Said(msgspec.Struct, frozen=True):
    type: str
    status: str
    reason: str
    message: str = ""


def conditions(seen: Seen, paused_by: list[str]) -> list[Said]:
    ready = _ready(seen)
    said = [ready, _paused(seen, paused_by), _scaling(seen), _reconciling(seen), _stalled(seen)]
    trouble = seen.pool.trouble
    if trouble is not None:
        said.append(Said(trouble.condition, "True", trouble.reason, trouble.shown))
    said.extend(each for each in (_drain_too_short(seen), _orphans_held(seen)) if each is not None)
    return said


def unknown(seen: Seen, generation_before: int) -> frozenset[str]:
    """Conditions of which nothing is known now, so that they stay as they were: after a restart of the api it takes
    some runs to know how long jobs run, after one of the operator a sweep to know of orphans. What was said of another
    spec does not stay."""
    told = set()
    if seen.orphans_held is None:
        told.add(ORPHANS_HELD)
    if (seen.numbers is None or seen.numbers.run_seconds_p95 is None) and generation_before == seen.generation:
        told.add(DRAIN_TOO_SHORT)
    return frozenset(told)


def _ready(seen: Seen) -> Said:  # noqa: PLR0911 - one return a case
    pool, numbers = seen.pool, seen.numbers
    for trouble in (seen.refused, pool.trouble):
        if trouble is not None:
            return Said("Ready", "False", trouble.reason, trouble.shown)
    if seen.unreachable is not None:
        return Said("Ready", "Unknown", "ApiUnavailable", seen.unreachable)
    if not pool.declared:
        if numbers is None or not numbers.workers:
            return Said("Ready", "False", "NoWorkers", "no worker is connected, and the TaskQueue declares none")
        return Said("Ready", "True", "WorkersConnected", f"{numbers.workers} workers are connected")
    if not pool.desired:
        return Said("Ready", "False", "ScaledToZero", "no workers are wanted: kubectl scale taskqueue")
    if not pool.ready:
        return Said("Ready", "False", "WorkersStarting", f"none of {pool.desired} workers is ready yet")
    if pool.ready < pool.desired:
        return Said("Ready", "True", "WorkersReady", f"{pool.ready} of {pool.desired} workers are ready")
    if numbers is not None and numbers.unservable:
        text = f"{numbers.unservable} jobs wait for a task that no connected worker knows"
        return Said("Ready", "True", "NoWorkerForTask", text)
    return Said("Ready", "True", "WorkersReady", f"{pool.ready} of {pool.desired} workers are ready")


def _paused(seen: Seen, paused_by: list[str]) -> Said:
    if not paused_by:
        return Said("Paused", "False", "NotPaused")
    told = seen.numbers.paused_by if seen.numbers is not None else ()
    people = [each.partition(":")[2] or "a person" for each in told if each.partition(":")[0] == "api"]
    by = [*(["spec.paused"] if "spec" in paused_by else []), *(f"{who}, through the api" for who in people)]
    return Said("Paused", "True", "Paused", f"by {' and by '.join(by)}"[:MAX_MESSAGE])


def _scaling(seen: Seen) -> Said:
    if seen.refused is not None:
        return Said("ScalingActive", "False", seen.refused.reason, seen.refused.shown)
    if not seen.pool.declared:
        return Said("ScalingActive", "False", "NoWorkersDeclared", "the TaskQueue declares no workers to scale")
    if seen.mode == "Disabled":
        return Said("ScalingActive", "False", "Disabled", "the number of workers is left to others")
    if seen.pool.trouble is not None and seen.pool.trouble.condition in {"WorkersForbidden", "ScalingConflict"}:
        return Said("ScalingActive", "False", seen.pool.trouble.condition)
    return Said("ScalingActive", "True", seen.mode, "spec.replicas says how many")


def _reconciling(seen: Seen) -> Said:
    if seen.refused is not None or (seen.pool.trouble is not None and seen.pool.trouble.final):
        return Said("Reconciling", "False", "Stalled")
    if seen.unreachable is not None:
        return Said("Reconciling", "True", "ApiUnavailable", seen.unreachable)
    if seen.pool.declared and seen.pool.rolling:
        return Said("Reconciling", "True", "RollingOut", "workers are started, replaced or drained")
    return Said("Reconciling", "False", "Settled")


def _stalled(seen: Seen) -> Said:
    """What only a person can mend: kstatus reads it as failed."""
    for trouble in (seen.refused, seen.pool.trouble):
        if trouble is not None and trouble.final:
            return Said("Stalled", "True", trouble.reason, trouble.shown)
    return Said("Stalled", "False", "Fine")


def _drain_too_short(seen: Seen) -> Said | None:
    """Only of workers whose time to drain the TaskQueue says."""
    grace = seen.pool.drain_seconds
    usual = None if seen.numbers is None else seen.numbers.run_seconds_p95
    if grace is None or usual is None or usual <= (drain := grace - TERMINATION_MARGIN_SECONDS):
        return None
    text = (
        f"one job in twenty runs longer than {usual:.0f} s, and a worker that is told to go has {drain} s: such jobs"
        " are interrupted at each rollout; raise worker.drainSeconds"
    )
    return Said(DRAIN_TOO_SHORT, "True", DRAIN_TOO_SHORT, text)


def _orphans_held(seen: Seen) -> Said | None:
    if not seen.orphans_held:
        return None
    text = (
        f"{seen.orphans_held} jobs of this namespace have lost their TaskJobs at once; none is cancelled until a person"
        " says so: taskjob orphans list, then taskjob orphans confirm"
    )
    return Said(ORPHANS_HELD, "True", "TooManyAtOnce", text)
