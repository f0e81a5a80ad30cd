"""The common shape of parameters and verdicts."""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape of parameters and verdicts: immutable, by keyword."""
