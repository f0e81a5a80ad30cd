"""The shape of an answer, and how numbers, spans and errors read in a sentence."""

from __future__ import annotations

import math

import msgspec

from taskjob.model import Job, Phase, QueueTrouble, Reason


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`position` counts from 1 among ready jobs of the queue (absent where it says nothing); `eta_seconds` is a
    rough guess of the time to its start, absent where nobody can know; `holders` are the jobs it waits for; `trouble`
    is what keeps workers of its queue from starting."""

    job: str
    phase: Phase
    reason: Reason
    sentence: str
    position: int | None = None
    eta_seconds: float | None = None
    holders: tuple[str, ...] = ()
    trouble: QueueTrouble | None = None
    next_steps: tuple[str, ...] = ()


_LINE = 200


def answer(
    job: Job,
    reason: Reason,
    sentence: str,
    *,
    position: int | None = None,
    eta: float | None = None,
    holders: tuple[str, ...] = (),
    trouble: QueueTrouble | None = None,
    steps: tuple[str, ...] = (),
) -> Answer:
    return Answer(
        job=job.id,
        phase=job.phase,
        reason=reason,
        sentence=sentence,
        position=position,
        eta_seconds=None if eta is None else round(eta, 1),
        holders=holders,
        trouble=trouble,
        next_steps=steps,
    )


def shown_name(job: Job) -> str:
    return job.name or job.id


def one_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def span(seconds: float) -> str:
    """A duration as people say it: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 10:
        return f"{max(0.0, math.ceil(seconds * 10) / 10):g} s"
    whole = math.ceil(seconds)
    for size, unit, smaller, sub in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {sub}" if rest else "")
    return f"{whole} s"
