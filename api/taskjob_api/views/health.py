"""Whether the process lives and serves."""

from __future__ import annotations

from typing import Literal

from taskjob_api.views.record import View


class Readiness(View, frozen=True, kw_only=True):
    """Whether the process serves, and how far G1 reaches: the store's settings as read back from it."""

    ready: bool
    reason: str | None = None
    store: str | None = None
    durability: str | None = None
    replication: str | None = None
    schema_version: int | None = None
    incarnation: str | None = None
    hold_off_seconds: float = 0.0


class Health(View, frozen=True, kw_only=True):
    status: Literal["ok"]
