"""What the engine can be told: validated by the composition root, passed as a value, never read from the
environment here."""

from __future__ import annotations

import msgspec


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    session_ttl_seconds: float = 15.0
    """A worker that is silent for so long loses its leases."""

    reconnect_seconds: float = 3.0
    """A broken connection shortens its session to this; reconnecting in time restores it."""

    create_queues: bool = True
    """Unknown queues are made by the first job (the laptop); False leaves jobs waiting as QueueNotFound."""

    maintenance_seconds: float = 0.5
    """Longest pause between two rounds of expire and promote; jittered, and cut short when something is due."""

    prune_seconds: float = 5.0
    """Pause between two rounds of retention."""

    poll_seconds: float = 5.0
    """How long a waiting caller trusts to wake-ups, which may be lost, before it looks for itself."""

    batch: int = 500
    """Most jobs one maintenance step or one grant touches."""

    inline_result_bytes: int = 4096
    """Results up to this stand in the store, larger ones become artifacts."""

    log_limit_bytes: int = 4 * 1024 * 1024
    """Log kept of one delivery; the rest is dropped and said so."""
