"""Which jobs: the query of a list and the filter of an action, the same words in both."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from taskjob.errors import InvalidError
from taskjob.model import Phase, parse_time
from taskjob.spec.strict import ObjectName, QueueName, StrictModel, TaskName, Time
from taskjob_engine.store import JobFilter

_PHASE = "|".join(phase.value for phase in Phase)

Phases = Annotated[str, Field(pattern=rf"^({_PHASE})(,({_PHASE}))*$", max_length=200)]
_WORD = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL = f"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_WORD}=({_WORD})?"
LabelSelector = Annotated[str, Field(max_length=2000, pattern=f"^{_LABEL}(,{_LABEL})*$")]


class JobSelector(StrictModel):
    """All that is given must hold. `phase` and `label` (key=value) take several, separated by commas."""

    model_config = ConfigDict(alias_generator=None)

    queue: QueueName | None = None
    task: TaskName | None = None
    phase: Phases | None = None
    label: LabelSelector | None = None
    name: ObjectName | None = None
    created_after: Time | None = None
    created_before: Time | None = None


def job_filter(namespace: str, selector: JobSelector) -> JobFilter:
    """Raises `InvalidError` for a label that is given twice."""
    return JobFilter(
        namespace=namespace,
        queue=selector.queue,
        task=selector.task,
        phases=tuple(dict.fromkeys(Phase(word) for word in selector.phase.split(","))) if selector.phase else (),
        labels=_labels(selector.label) if selector.label else {},
        name=selector.name,
        created_after=_time(selector.created_after),
        created_before=_time(selector.created_before),
    )


def _labels(selector: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in selector.split(",")]
    labels = {key: value for key, _, value in pairs}
    if len(labels) < len(pairs):
        raise InvalidError("a label is given twice", field="label", hint="a job has one value per label")
    return labels


def _time(text: str | None) -> int | None:
    return None if text is None else parse_time(text.upper())
