"""What an action on many jobs did."""

from __future__ import annotations

from typing import Literal

from taskjob_api.views.record import View


class ActionResult(View, frozen=True, kw_only=True):
    """`matched` jobs are meant (`atLeast`: more than can be counted cheaply). A preview changes none and gives the
    `token` that acts on exactly those; after an action a `token` means that it goes on from there."""

    action: Literal["cancel", "rerun", "purge"] | None = None
    preview: bool
    matched: int | None = None
    at_least: bool = False
    changed: int
    skipped: int
    token: str | None = None
