"""What one bounded, repeatable step of maintenance did."""

from __future__ import annotations

from taskjob_engine.store.value import Value


class Expired(Value, frozen=True, kw_only=True):
    """What one bounded step of `expire` did."""

    lapsed: int = 0
    released: int = 0
    timed_out: int = 0
    deadlines: int = 0
    sessions: int = 0
    more: bool = False


class Promoted(Value, frozen=True, kw_only=True):
    promoted: int = 0
    more: bool = False


class Garbage(Value, frozen=True, kw_only=True):
    """Artifacts of a pruned job: delete everything under `prefix`, then acknowledge `id` in the next `prune`."""

    id: int
    prefix: str


class Pruned(Value, frozen=True, kw_only=True):
    jobs: int = 0
    keys: int = 0
    garbage: tuple[Garbage, ...] = ()
    more: bool = False
