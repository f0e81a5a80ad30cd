"""Specs of TaskJobs that wait to be told to the api: kept within a bound, else read again when their turn comes."""

from __future__ import annotations

import msgspec


class Spec(msgspec.Struct, frozen=True, gc=False):
    """Raw JSON, as of a generation."""

    generation: int
    raw: bytes
    labels: dict[str, str]


class Specs:
    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._kept: dict[str, Spec] = {}
        self._bytes = 0

    def put(self, uid: str, spec: Spec) -> None:
        self.drop(uid)
        if self._bytes + len(spec.raw) <= self._most:
            self._kept[uid] = spec
            self._bytes += len(spec.raw)

    def get(self, uid: str) -> Spec | None:
        return self._kept.get(uid)

    def drop(self, uid: str) -> None:
        if (spec := self._kept.pop(uid, None)) is not None:
            self._bytes -= len(spec.raw)
