"""When a status is written: seldom. Pure; times are of one monotonic clock.

A job that finishes within half a second costs one write, else there is one for each phase that lasts longer than
that; never two within a second. An edit of the spec is answered at once. What changes within a phase (progress,
counters, worker) is written at most every ten seconds.
"""

from __future__ import annotations

import msgspec

from taskjob_operator.record import Standing

PHASE_SECONDS = 0.5
LEAST_SECONDS = 1.0
DETAIL_SECONDS = 10.0


class Draft(msgspec.Struct):
    """A status that is to be written. `since`: when its phase was first wanted."""

    standing: Standing
    since: float


def drafted(standing: Standing, before: Draft | None, now: float) -> Draft:
    """The draft that takes the place of `before`."""
    same = before is not None and before.standing.key == standing.key
    return Draft(standing=standing, since=before.since if before is not None and same else now)


def due_at(draft: Draft, written: Standing, last_write: float) -> float:
    """When to write it; a time in the past is now. `last_write` is -inf before the first."""
    wanted = draft.standing
    if wanted.final or wanted.observed > written.observed > 0:
        due = draft.since
    elif wanted.key != written.key:
        due = draft.since + PHASE_SECONDS
    else:
        due = max(draft.since, last_write + DETAIL_SECONDS)
    return max(due, last_write + LEAST_SECONDS)
