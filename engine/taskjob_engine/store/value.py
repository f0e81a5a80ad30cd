"""The common shape of parameters and verdicts."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Common shape of parameters and verdicts: immutable, by keyword. They are trees of values, so the cycle
    collector need not look at the thousands that are alive under load."""
