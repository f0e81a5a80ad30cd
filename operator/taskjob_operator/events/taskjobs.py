"""Which statuses of a TaskJob deserve an Event: those with which it failed for good, once per run. Pure.

A job that ends well is no news, and one that waits says why in its status: an Event for each would be as many writes
as there are jobs.
"""

from __future__ import annotations

from taskjob_operator.events.event import Event, Subject
from taskjob_operator.record import Record, Standing
from taskjob_operator.status.document import TaskJobStatus

FAILED = frozenset({"DeadLetter", "Rejected"})


def event_of(record: Record, before: Standing, said: TaskJobStatus) -> Event | None:
    """Of the object that said `before` and now says `said`, in the words of its status, which are redacted."""
    if said.phase not in FAILED or (before.phase, before.run) == (said.phase, said.run):
        return None
    return Event(
        subject=Subject(
            kind="TaskJob", namespace=record.namespace, name=record.name, uid=record.uid, queue=record.queue
        ),
        warning=True,
        reason=said.reason or said.phase,
        action=said.phase,
        note=said.message,
        happening=(said.phase, str(said.run)),
    )
