import re

from prometheus_client.parser import text_string_to_metric_families

from taskjob.model import AttemptOutcome, NamespaceStats, Phase, QueueCounts
from taskjob_engine import telemetry
from taskjob_engine.catalogue import CATALOGUE
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
from taskjob_engine.telemetry import Recorder

STORE = StoreInfo(
    kind="memory", incarnation="i", durability="relaxed", replication="local", schema_version=1, settings={}
)
COUNTS = QueueCounts(namespace="n", queue="q", waiting=1, ready=2, leased=3, dead_letter=4, oldest_ready_at=7_000_000)
STATS = NamespaceStats(namespace=None, incarnation="i", seq=1, at=10_000_000, queues=(COUNTS,))


def submission(queue: str = "q") -> Submission:
    return Submission(id="j", namespace="n", queue=queue, task="t")


def settlement(outcome: AttemptOutcome, seconds: float = 0.2) -> Settlement:
    return Settlement(job="j", lease="l", session="s", principal="p", outcome=outcome, duration_seconds=seconds)


def accepted(phase: Phase) -> Settled:
    return Settled(verdict=SettleVerdict.ACCEPTED, phase=phase, namespace="n", queue="q", task="t")


def grant(waited: float) -> Granted:
    return Granted(
        job="j",
        lease="l",
        namespace="n",
        queue="q",
        task="t",
        payload=b"{}",
        run=0,
        delivery=1,
        attempt=1,
        max_attempts=5,
        timeout_seconds=60,
        waited_seconds=waited,
    )


def samples(recorder: Recorder, stats: NamespaceStats | None = STATS) -> dict[str, float]:
    text = recorder.render(store=STORE, stats=stats, holdoff_seconds=1.5).decode()
    return {
        sample.name + "".join(f" {k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def busy() -> Recorder:
    """A recorder that has seen everything once."""
    recorder = Recorder()
    recorder.submitted([submission(), submission()], [Submitted(outcome="created", id="j")] * 2)
    recorder.granted([grant(0.002), grant(100.0)])
    outcomes = (AttemptOutcome.COMPLETED, AttemptOutcome.FAILED, AttemptOutcome.TIMED_OUT, AttemptOutcome.RELEASED)
    phases = (Phase.COMPLETED, Phase.RETRY_QUEUED, Phase.DEAD_LETTER, Phase.QUEUED)
    recorder.settled([settlement(outcome) for outcome in outcomes], [accepted(phase) for phase in phases])
    stale = Settled(verdict=SettleVerdict.STALE, reason="Expired")
    recorder.settled([settlement(AttemptOutcome.COMPLETED)], [stale])
    by_the_clock = (DeadLetters(namespace="n", queue="q", task="t", count=7),)
    recorder.expired(Expired(lapsed=1, released=2, timed_out=3, deadlines=4, dead_letters=by_the_clock))
    recorder.promoted(5)
    recorder.pruned(6)
    recorder.maintenance_failed("prune")
    recorder.store_failed("Unavailable")
    recorder.rolled_back()
    recorder.logged(10)
    recorder.ensured(["owned", "owned", "mirrored"])
    recorder.orphans_reported("c1", 12)
    return recorder


def test_counts_go_where_their_names_say():
    seen = samples(busy())
    task = "namespace=n queue=q task=t"
    assert seen["taskjob_jobs_submitted_total namespace=n outcome=created queue=q"] == 2
    assert seen["taskjob_jobs_leased_total namespace=n queue=q"] == 2
    assert seen["taskjob_objects_ensured_total outcome=owned"] == 2
    assert seen["taskjob_orphaned_jobs cluster=c1"] == 12
    assert seen["taskjob_jobs_processed_total namespace=n outcome=completed queue=q task=t"] == 1
    assert seen["taskjob_jobs_processed_total namespace=n outcome=released queue=q task=t"] == 1
    assert seen["taskjob_job_failures_total namespace=n outcome=failed queue=q task=t"] == 1
    assert seen["taskjob_job_failures_total namespace=n outcome=timed_out queue=q task=t"] == 1
    assert seen[f"taskjob_retries_total {task}"] == 1
    assert seen[f"taskjob_jobs_dead_lettered_total {task}"] == 8
    assert seen["taskjob_settles_refused_total reason=Expired verdict=stale"] == 1
    assert seen["taskjob_leases_expired_total kind=lost"] == 1
    assert seen["taskjob_leases_expired_total kind=deadline"] == 4
    assert seen["taskjob_rescue_holdoff_seconds"] == 1.5
    assert seen["taskjob_queue_depth namespace=n queue=q state=leased"] == 3
    assert seen["taskjob_queue_oldest_age_seconds namespace=n queue=q"] == 3.0
    assert seen["taskjob_dead_letter_jobs namespace=n queue=q"] == 4


def test_histograms_are_cumulative_and_leave_out_what_never_ran():
    seen = samples(busy())
    task = "namespace=n queue=q task=t"
    assert seen[f"taskjob_job_processing_duration_seconds_count {task}"] == 3, "neither released nor stale"
    assert seen["taskjob_job_processing_duration_seconds_bucket le=0.1 namespace=n queue=q task=t"] == 0
    assert seen["taskjob_job_processing_duration_seconds_bucket le=0.25 namespace=n queue=q task=t"] == 3
    assert seen["taskjob_job_queue_wait_seconds_bucket le=0.0025 namespace=n queue=q"] == 1
    assert seen["taskjob_job_queue_wait_seconds_bucket le=+Inf namespace=n queue=q"] == 2
    assert seen["taskjob_job_queue_wait_seconds_sum namespace=n queue=q"] == 100.002


def test_what_is_emitted_is_what_the_catalogue_names():
    text = busy().render(store=STORE, stats=STATS, holdoff_seconds=0.0).decode()
    emitted = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        emitted[name] = (family.type, {label for sample in family.samples for label in sample.labels} - {"le"})
    assert emitted == {spec.name: (spec.kind, set(spec.labels)) for spec in CATALOGUE}


def test_the_catalogue_follows_the_naming_rules():
    for spec in CATALOGUE:
        assert re.fullmatch(r"taskjob_[a-z_]+", spec.name)
        assert spec.name.endswith("_total") == (spec.kind == "counter")
        assert bool(spec.buckets) == (spec.kind == "histogram")
        assert list(spec.buckets) == sorted(set(spec.buckets))
        assert spec.help.endswith(".") or "…" in spec.help
    assert len({spec.name for spec in CATALOGUE}) == len(CATALOGUE)


def test_without_statistics_the_gauges_of_queues_are_absent_rather_than_stale():
    recorder = busy()
    samples(recorder)
    seen = samples(recorder, stats=None)
    assert seen["taskjob_stats_available"] == 0
    assert not [name for name in seen if name.startswith("taskjob_queue_depth")]


def test_label_sets_are_bounded(monkeypatch):
    monkeypatch.setattr(telemetry, "MAX_LABEL_SETS", 3)
    recorder = Recorder()
    for number in range(10):
        recorder.submitted([submission(f"q{number}")], [Submitted(outcome="created", id="j")])
    seen = {k: v for k, v in samples(recorder).items() if k.startswith("taskjob_jobs_submitted_total")}
    assert len(seen) == 4
    assert seen["taskjob_jobs_submitted_total namespace=_other outcome=_other queue=_other"] == 7


def ran(recorder: Recorder, *seconds: float) -> None:
    items = [settlement(AttemptOutcome.COMPLETED, each) for each in seconds]
    recorder.settled(items, [accepted(Phase.COMPLETED)] * len(items))


def test_how_long_jobs_run_is_told_of_the_last_attempts_of_a_queue():
    recorder = Recorder()
    ran(recorder, *[float(number) for number in range(1, 20)])
    assert recorder.run_seconds_p95("n", "q") is None, "one in twenty cannot be told from nineteen"
    ran(recorder, 900.0)
    assert recorder.run_seconds_p95("n", "q") == 19.0, "one longer one in twenty is no rule yet"
    assert recorder.run_seconds_p95("n", "other") is None
    ran(recorder, *[3.0] * 200)
    assert recorder.run_seconds_p95("n", "q") == 3.0, "what ran long ago is forgotten"


def test_what_was_handed_back_does_not_count_as_a_run():
    recorder = Recorder()
    released = [settlement(AttemptOutcome.RELEASED, 900.0)] * 40
    recorder.settled(released, [accepted(Phase.QUEUED)] * 40)
    assert recorder.run_seconds_p95("n", "q") is None
