"""The options that choose jobs, and the query they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from taskjob.client import JobQuery

F = TypeVar("F", bound=Callable[..., Any])


def job_filters(function: F) -> F:
    for option in (
        click.option(
            "-l", "--label", "labels", multiple=True, metavar="KEY=VALUE", help="With this label; repeatable."
        ),
        click.option("--phase", "phases", multiple=True, metavar="PHASE", help="In this phase; repeatable."),
        click.option("--task", metavar="TASK", help="Of this task."),
        click.option("--queue", metavar="QUEUE", help="In this queue."),
    ):
        function = option(function)
    return function


def job_query(
    *, queue: str | None, task: str | None, labels: tuple[str, ...], phases: tuple[str, ...] = ()
) -> JobQuery:
    from taskjob.client import JobQuery  # noqa: PLC0415 - brings the client

    return JobQuery(queue=queue, task=task, labels=pairs(labels), phases=tuple(_phase(text) for text in phases))


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """`KEY=VALUE` texts as a dictionary. Raises a usage error for one without `=`."""
    found = {}
    for text in texts:
        for part in text.split(","):
            key, equals, value = part.partition("=")
            if not equals or not key:
                raise click.UsageError(f"{part!r} is not KEY=VALUE")
            found[key] = value
    return found


def _phase(text: str) -> Any:
    """A phase in either spelling: `dead_letter` as in REST, `DeadLetter` as in a custom resource."""
    from taskjob.model import Phase  # noqa: PLC0415

    for phase in Phase:
        if text.lower() in {phase.value, phase.pascal.lower()}:
            return phase
    raise click.UsageError(f"{text!r} is no phase; these are: {', '.join(Phase)}")
