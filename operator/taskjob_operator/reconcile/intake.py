"""What the watch and the lists show, noted: which TaskJobs there are and which need work. It never waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from taskjob_operator.metrics import Metrics
from taskjob_operator.reconcile.departures import Departures
from taskjob_operator.reconcile.index import Index
from taskjob_operator.reconcile.queue import WorkQueue
from taskjob_operator.reconcile.specs import Spec, Specs
from taskjob_operator.record import MalformedError, Record, Seen, Standing, look
from taskjob_operator.writing.budget import DETAIL_SECONDS

logger = logging.getLogger(__name__)
DELETED = "DELETED"


class Intake:
    """`on_list` hears of objects that a list shows: the watch began anew, deletions may be missed. `on_seen` gets
    each record after it was noted. `is_echo` tells whether a status is one that we are writing."""

    def __init__(
        self,
        *,
        index: Index,
        queue: WorkQueue,
        specs: Specs,
        departures: Departures,
        metrics: Metrics,
        on_event: Callable[[str], None],
        on_list: Callable[[], None],
        on_seen: Callable[[Record], None],
        is_echo: Callable[[Record, Standing], bool],
    ) -> None:
        self._index = index
        self._queue = queue
        self._specs = specs
        self._departures = departures
        self._metrics = metrics
        self._on_event = on_event
        self._on_list = on_list
        self._on_seen = on_seen
        self._is_echo = is_echo

    def observe(self, kind: str | None, raw: dict[str, Any]) -> None:
        """One event of the watch."""
        try:
            seen = look(raw)
        except MalformedError as error:
            self._metrics.malformed.inc()
            logger.warning("a TaskJob that cannot be read: %s", error)
            return
        self._on_event(seen.namespace)
        if kind is None:
            self._on_list()
        record = self._index.get(seen.uid)
        if kind == DELETED:
            if record is not None:
                self._departures.suspect(record)
            return
        if record is None:
            record = self._welcome(seen)
            if record is None:
                return
        else:
            known = record.written.digest
            record.see(seen)
            changed = record.written.digest != known and not self._is_echo(record, record.written)
            if changed and record.ensured >= record.generation:
                self._disturbed(record)
        self._note(record, seen)

    def read(self, raw: dict[str, Any]) -> None:
        """An object that was read again, outside of the watch."""
        seen = look(raw)
        if (record := self._index.get(seen.uid)) is not None:
            record.see(seen)
            self._disturbed(record)

    def _welcome(self, seen: Seen) -> Record | None:
        """A new object. Whatever had its name before is gone: a name has one object at a time, and versions grow. An
        object older than what has its name is an echo of the past."""
        former = self._index.named(seen.namespace, seen.name)
        if former is not None and seen.version < former.version:
            return None
        record = Record(seen)
        self._index.add(record)
        if former is not None:
            former.gone = True
            self._departures.left(former)
        return record

    def _note(self, record: Record, seen: Seen) -> None:
        self._on_seen(record)
        if record.deleting:
            self._departures.left(record)
        elif not record.settled and record.asked < record.generation:
            self._specs.put(record.uid, Spec(generation=seen.generation, raw=seen.spec, labels=seen.labels))
            self._queue.add(record.uid)

    def _disturbed(self, record: Record) -> None:
        """Its status is not what we wrote: find out what it should be, but do not fight with whoever changed it."""
        record.ensured = 0
        self._queue.add(record.uid, max(record.last_write + DETAIL_SECONDS - time.monotonic(), 0.01))
