"""What one bounded, repeatable step of maintenance did."""

from __future__ import annotations

from taskjob_engine.store.value import Value


class DeadLetters(Value, frozen=True, kw_only=True):
    """So many jobs of one queue and task became dead letters."""

    namespace: str
    queue: str
    task: str
    count: int


class Expired(Value, frozen=True, kw_only=True):
    """What one bounded step of `expire` did. `dead_letters` counts, in order of their names, the jobs that it ended
    for good: poison (lost too often), out of attempts, or past their deadline."""

    lapsed: int = 0
    released: int = 0
    timed_out: int = 0
    deadlines: int = 0
    sessions: int = 0
    dead_letters: tuple[DeadLetters, ...] = ()
    more: bool = False


class Promoted(Value, frozen=True, kw_only=True):
    promoted: int = 0
    more: bool = False


class Garbage(Value, frozen=True, kw_only=True):
    """Artifacts of a pruned job: delete everything under `prefix`, then acknowledge `id`, a word of the store's
    own, in the next `prune`."""

    id: str
    prefix: str


class Pruned(Value, frozen=True, kw_only=True):
    jobs: int = 0
    keys: int = 0
    garbage: tuple[Garbage, ...] = ()
    more: bool = False
