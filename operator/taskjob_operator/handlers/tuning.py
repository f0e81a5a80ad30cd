"""kopf, made to write nothing of its own and to cost little.

Only low-level event handlers may be registered with these settings: kopf's change handlers rely on the storages that
do nothing here, and would put finalizers and annotations on users' objects.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import kopf

WORKER_IDLE_SECONDS = 0.05
"""kopf keeps a task and a queue for each object for so long after its last event."""

SILENT_SECONDS = 70.0
"""Bookmarks come each minute: a watch that is silent for longer is dead and made anew."""

WATCH_SECONDS = 290
"""A watch is renewed by the server after so long, however healthy."""

PAGE = 500


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers nothing: nobody asks what changed."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None) -> Any:  # noqa: ARG002 - kopf's signature
        return {}

    def fetch(self, *, body: kopf.Body) -> Any:  # noqa: ARG002
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: Any) -> None:
        pass


class NoProgress(kopf.ProgressStorage):
    """Remembers nothing: no handler is ever resumed."""

    def fetch(self, *, key: Any, body: kopf.Body) -> Any:  # noqa: ARG002
        return None

    def store(self, *, key: Any, record: Any, body: kopf.Body, patch: kopf.Patch) -> None:
        pass

    def purge(self, *, key: Any, body: kopf.Body, patch: kopf.Patch) -> None:
        pass

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: Any) -> None:
        pass

    def clear(self, *, essence: Any) -> Any:
        return essence


class EndlessBackoff:
    """Delays for ever: an iterable that ended would end the operator."""

    def __iter__(self) -> Iterator[float]:
        return (min(0.1 * 2 ** min(n, 10), 30.0) * (0.5 + random.random() / 2) for n in itertools.count())  # noqa: S311


class TellsOfGaps:
    """kopf's settings of watches, which it asks how long to wait each time that it gives up one and lists anew: it
    does so silently where a watch grew too old (410), and of objects that are all gone such a list shows none."""

    def __init__(self, settings: Any, on_gap: Callable[[], None]) -> None:
        self._settings = settings
        self._on_gap = on_gap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._settings, name)

    @property
    def reconnect_backoff(self) -> Any:
        self._on_gap()
        return self._settings.reconnect_backoff


def quiet_settings(on_gap: Callable[[], None]) -> kopf.OperatorSettings:
    """`on_gap` is called when kopf begins a watch anew: deletions may have been missed."""
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.queueing.idle_timeout = WORKER_IDLE_SECONDS
    settings.watching.inactivity_timeout = SILENT_SECONDS
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = PAGE
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = EndlessBackoff()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = None
    settings.watching = TellsOfGaps(settings.watching, on_gap)  # type: ignore[assignment]
    return settings
