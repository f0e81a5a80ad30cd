"""What is known of deliveries: attempts, and pieces of their logs."""

from __future__ import annotations

from taskjob.model import Attempt, ErrorInfo, format_time
from taskjob_api.views.record import View, told_time
from taskjob_engine.logs import LogPage


class AttemptView(View, frozen=True, kw_only=True):
    """One delivery, `number` within its run. `outcome` is absent while the lease is held."""

    run: int
    number: int
    worker: str
    leased_at: str
    started_at: str | None = None
    finished_at: str | None = None
    outcome: str | None = None
    error: ErrorInfo | None = None


class AttemptList(View, frozen=True, kw_only=True):
    """Oldest first, all runs."""

    items: list[AttemptView]


class LogView(View, frozen=True, kw_only=True):
    """A piece of one delivery's log. Read on with `after=next`; `finished`: nothing will follow."""

    run: int
    delivery: int
    text: str
    next: int
    finished: bool


def attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView(
        run=attempt.run,
        number=attempt.number,
        worker=attempt.worker,
        leased_at=format_time(attempt.leased_at),
        started_at=told_time(attempt.started_at),
        finished_at=told_time(attempt.finished_at),
        outcome=None if attempt.outcome is None else attempt.outcome.value,
        error=attempt.error,
    )


def log_view(page: LogPage) -> LogView:
    return LogView(run=page.run, delivery=page.delivery, text=page.text, next=page.next, finished=page.complete)
