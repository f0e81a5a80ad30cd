"""Which turns of a TaskQueue deserve an Event: another number of workers, a condition that turned bad, and more failed
TaskJobs than there are Events of. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from taskjob_operator.events.event import Event, Subject
from taskjob_operator.status.redact import redacted_line

BAD = ("WorkersFailing", "WorkersForbidden", "ScalingConflict", "DrainTooShort", "OrphansHeld", "Stalled")
"""Conditions that are bad while they are true. What several say for one reason, the first of them tells."""

Object = Mapping[str, Any]


def subject_of(queue: Object) -> Subject:
    metadata = queue["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    return Subject(kind="TaskQueue", namespace=namespace, name=name, uid=metadata["uid"], queue=name)


def bad_reasons(status: Object) -> frozenset[str]:
    """What is wrong, as the status says it."""
    return frozenset(_reason(each) for each in _bad(status))


def turned_bad(queue: Object, status: Object, known: Collection[str]) -> list[Event]:
    """One for each reason that the status gives and that is not `known`. Its name is of the version of the object that
    the look began with: a condition may stay true while its reasons come and go."""
    events: dict[str, Event] = {}
    for each in _bad(status):
        reason = _reason(each)
        if reason not in known and reason not in events:
            events[reason] = Event(
                subject=subject_of(queue),
                warning=True,
                reason=reason,
                action=each["type"],
                note=redacted_line(each.get("message") or ""),
                happening=(each["type"], reason, str(queue["metadata"].get("resourceVersion"))),
            )
    return list(events.values())


def scaled(queue: Object, deployment: Object, replicas: int) -> Event | None:
    """Of a Deployment that has been given this number of replicas; `deployment` is how it was. None: as it was."""
    metadata, before = deployment["metadata"], int(deployment["spec"].get("replicas", 1))
    if before == replicas:
        return None
    reason = "ScaledUp" if replicas > before else "ScaledDown"
    return Event(
        subject=subject_of(queue),
        warning=False,
        reason=reason,
        action="Scale",
        note=f"Deployment {metadata['name']} from {before} to {replicas}",
        happening=(reason, str(metadata.get("uid")), str(metadata.get("resourceVersion"))),
    )


def more_failed(queue: Object, number: int, at: str) -> Event:
    """For TaskJobs of which there is no Event of their own."""
    subject = subject_of(queue)
    return Event(
        subject=subject,
        warning=True,
        reason="MoreFailed",
        action="Summary",
        note=f"{number} more TaskJobs of this queue failed, without an Event each: kubectl get tj -n"
        f" {subject.namespace} --field-selector spec.queue={subject.name},status.phase=DeadLetter (or Rejected)",
        happening=("MoreFailed", at),
    )


def _reason(condition: Object) -> str:
    """A stranger's condition may lack one."""
    return str(condition.get("reason") or condition["type"])


def _bad(status: Object) -> list[Any]:
    said = {each.get("type"): each for each in status.get("conditions") or () if each.get("status") == "True"}
    return [said[kind] for kind in BAD if kind in said]
