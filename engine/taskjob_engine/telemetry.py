"""Metrics of the api process: one recorder that counts, one text for Prometheus.

Counting must cost next to nothing at 50,000 jobs a second: a batch is added up per label set in plain dictionaries
on the event loop, and Prometheus families are made only when somebody scrapes. Names stand in `catalogue`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from taskjob.model import AttemptOutcome, NamespaceStats, Phase
from taskjob.model.times import SECOND
from taskjob_engine.catalogue import (
    CATALOGUE,
    DEAD,
    DEAD_LETTERS,
    DEPTH,
    DURATION,
    DURATION_BUCKETS,
    ENSURED,
    EXPIRED,
    FAILURES,
    GRANTED,
    HOLDOFF,
    LOG_BYTES,
    MAINTENANCE_ERRORS,
    OLDEST,
    ORPHANS,
    PROCESSED,
    PROMOTED,
    PRUNED,
    RETRIES,
    ROLLBACKS,
    SCRAPED,
    STALE,
    STORE,
    STORE_ERRORS,
    SUBMITTED,
    WAIT_BUCKETS,
    WAITED,
    WITNESSES_REFUSED,
    MetricSpec,
)
from taskjob_engine.recent_runs import RecentRuns
from taskjob_engine.store import (
    DeadLetters,
    Expired,
    Granted,
    Settled,
    Settlement,
    SettleVerdict,
    StoreInfo,
    Submission,
    Submitted,
)

Labels = tuple[str, ...]

MAX_LABEL_SETS = 10_000
"""Queues and tasks are named by callers: beyond this many sets of one metric the rest is counted as `_other`."""

_FAILED = frozenset({AttemptOutcome.FAILED, AttemptOutcome.TIMED_OUT, AttemptOutcome.CRASHED})
_TIMED = _FAILED | {AttemptOutcome.COMPLETED}


class _Spread:
    """One histogram cell."""

    __slots__ = ("counts", "total")

    def __init__(self, size: int) -> None:
        self.counts = [0] * (size + 1)
        self.total = 0.0


class Recorder:
    """Belongs to the event loop's thread. Every method takes a whole batch."""

    def __init__(self) -> None:
        self._counters: dict[str, dict[Labels, float]] = {m.name: {} for m in CATALOGUE if m.kind == "counter"}
        self._histograms: dict[str, dict[Labels, _Spread]] = {m.name: {} for m in CATALOGUE if m.kind == "histogram"}
        for bare in CATALOGUE:
            if bare.kind == "counter" and not bare.labels:
                self._counters[bare.name][()] = 0
        self._gauges: dict[str, dict[Labels, float]] = {}
        self._orphans: dict[Labels, float] = {}
        self._runs = RecentRuns()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def submitted(self, items: Sequence[Submission], verdicts: Sequence[Submitted]) -> None:
        counts: dict[Labels, int] = {}
        for item, verdict in zip(items, verdicts, strict=True):
            key: Labels = (item.namespace, item.queue, verdict.outcome)
            counts[key] = counts.get(key, 0) + 1
        for key, count in counts.items():
            self._count(SUBMITTED, key, count)

    def granted(self, grants: Sequence[Granted]) -> None:
        spreads: dict[Labels, _Spread] = {}
        counts: dict[Labels, int] = {}
        for grant in grants:
            key: Labels = (grant.namespace, grant.queue)
            spread = spreads.get(key)
            if spread is None:
                spread = spreads[key] = self._spread(WAITED, key)
            spread.counts[bisect_left(WAIT_BUCKETS, grant.waited_seconds)] += 1
            spread.total += grant.waited_seconds
            counts[key] = counts.get(key, 0) + 1
        for key, count in counts.items():
            self._count(GRANTED, key, count)

    def settled(self, items: Sequence[Settlement], verdicts: Sequence[Settled]) -> None:
        counts: dict[tuple[Labels, AttemptOutcome, Phase | None], int] = {}
        timed: dict[Labels, tuple[_Spread, Callable[[float], None]]] = {}
        for item, verdict in zip(items, verdicts, strict=True):
            if verdict.verdict is not SettleVerdict.ACCEPTED:
                self._count(STALE, (verdict.verdict.value, verdict.reason or ""), 1)
                continue
            task: Labels = (verdict.namespace, verdict.queue, verdict.task)
            ended = (task, item.outcome, verdict.phase)
            counts[ended] = counts.get(ended, 0) + 1
            if item.outcome in _TIMED:
                cells = timed.get(task)
                if cells is None:
                    noting = self._runs.noting(verdict.namespace, verdict.queue)
                    cells = timed[task] = self._spread(DURATION, task), noting
                spread, note = cells
                note(item.duration_seconds)
                spread.counts[bisect_left(DURATION_BUCKETS, item.duration_seconds)] += 1
                spread.total += item.duration_seconds
        for (task, outcome, phase), count in counts.items():
            self._ended(task, outcome, phase, count)

    def _ended(self, task: Labels, outcome: AttemptOutcome, phase: Phase | None, count: int) -> None:
        self._count(PROCESSED, (*task, outcome.value), count)
        if outcome in _FAILED:
            self._count(FAILURES, (*task, outcome.value), count)
            if phase is not None and not phase.is_terminal:
                self._count(RETRIES, task, count)
        if phase is Phase.DEAD_LETTER:
            self._count(DEAD, task, count)

    def run_seconds_p95(self, namespace: str, queue: str) -> float | None:
        """See `RecentRuns.p95`."""
        return self._runs.p95(namespace, queue)

    def expired(self, done: Expired) -> None:
        kinds = {"lost": done.lapsed, "released": done.released, "timed_out": done.timed_out}
        for kind, count in (kinds | {"deadline": done.deadlines}).items():
            self._count(EXPIRED, (kind,), count)
        self.buried(done.dead_letters)

    def buried(self, dead_letters: Sequence[DeadLetters]) -> None:
        """Jobs that no settle made dead letters."""
        for dead in dead_letters:
            self._count(DEAD, (dead.namespace, dead.queue, dead.task), dead.count)

    def promoted(self, count: int) -> None:
        self._count(PROMOTED, (), count)

    def pruned(self, count: int) -> None:
        self._count(PRUNED, (), count)

    def maintenance_failed(self, service: str) -> None:
        self._count(MAINTENANCE_ERRORS, (service,), 1)

    def store_failed(self, code: str) -> None:
        self._count(STORE_ERRORS, (code,), 1)

    def rolled_back(self) -> None:
        self._count(ROLLBACKS, (), 1)

    def witness_refused(self) -> None:
        self._count(WITNESSES_REFUSED, (), 1)

    def ensured(self, outcomes: Iterable[str]) -> None:
        for outcome, count in Counter(outcomes).items():
            self._count(ENSURED, (outcome,), count)

    def orphans_reported(self, cluster: str, total: int) -> None:
        """The newest word of the operator of one cluster; 0: nothing is held back."""
        self._orphans.pop((cluster,), None)
        if total:
            self._orphans[(cluster,)] = float(total)

    def logged(self, size: int) -> None:
        self._count(LOG_BYTES, (), size)

    def render(self, *, store: StoreInfo | None, stats: NamespaceStats | None, holdoff_seconds: float) -> bytes:
        """The text of a scrape. Without `stats` the gauges of queues are absent rather than wrong."""
        self._gauges = {
            HOLDOFF.name: {(): holdoff_seconds},
            SCRAPED.name: {(): float(stats is not None)},
            STORE.name: {} if store is None else {(store.kind, store.durability, store.replication): 1.0},
            ORPHANS.name: dict(self._orphans),
            DEPTH.name: {},
            OLDEST.name: {},
            DEAD_LETTERS.name: {},
        }
        for queue in () if stats is None else stats.queues:
            key = (queue.namespace, queue.queue)
            for state in ("waiting", "ready", "leased"):
                self._gauges[DEPTH.name][*key, state] = getattr(queue, state)
            since = queue.oldest_ready_at
            age = 0.0 if since is None or stats is None else max(0.0, (stats.at - since) / SECOND)
            self._gauges[OLDEST.name][key] = age
            self._gauges[DEAD_LETTERS.name][key] = queue.dead_letter
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        for spec in CATALOGUE:
            if spec.kind == "histogram":
                yield _histogram(spec, self._histograms[spec.name].items())
            elif spec.kind == "counter":
                yield _scalar(CounterMetricFamily(spec.name, spec.help, labels=spec.labels), self._counters[spec.name])
            else:
                cells = self._gauges.get(spec.name, {})
                yield _scalar(GaugeMetricFamily(spec.name, spec.help, labels=spec.labels), cells)

    def _count(self, spec: MetricSpec, labels: Labels, count: float) -> None:
        cells = self._counters[spec.name]
        if labels not in cells and len(cells) >= MAX_LABEL_SETS:
            labels = ("_other",) * len(labels)
        cells[labels] = cells.get(labels, 0) + count

    def _spread(self, spec: MetricSpec, labels: Labels) -> _Spread:
        cells = self._histograms[spec.name]
        if labels not in cells and len(cells) >= MAX_LABEL_SETS:
            labels = ("_other",) * len(labels)
        return cells.setdefault(labels, _Spread(len(spec.buckets)))


def _scalar(
    family: CounterMetricFamily | GaugeMetricFamily, cells: dict[Labels, float]
) -> CounterMetricFamily | GaugeMetricFamily:
    for labels, value in cells.items():
        family.add_metric(labels, value)
    return family


def _histogram(spec: MetricSpec, cells: Iterable[tuple[Labels, _Spread]]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(spec.name, spec.help, labels=spec.labels)
    for labels, spread in cells:
        below = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*spec.buckets, float("inf")), spread.counts, strict=True):
            below += count
            buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), below))
        family.add_metric(labels, buckets, spread.total)
    return family
