import msgspec
import pytest

from taskjob.model import ErrorInfo, Job, Phase, Queue, QueueLimits, QueueTrouble, Reason
from taskjob_engine.policies.explain import explain
from taskjob_engine.store import Explanation

SECOND = 1_000_000
NOW = 1_795_417_200 * SECOND


def job(phase: Phase = Phase.QUEUED, reason: Reason = Reason.QUEUED, **fields) -> Job:
    given = {"id": "j1", "namespace": "team", "queue": "images", "task": "resize", "created_at": NOW - 60 * SECOND}
    return Job(**(given | {"phase": phase, "reason": reason} | fields))


def ready(**facts) -> Explanation:
    given = {"job": job(), "queue": Queue(namespace="team", name="images"), "workers": 2, "capable_workers": 2}
    return Explanation(**(given | facts))


def waiting(reason: Reason, **fields) -> Explanation:
    phase = Phase.RETRY_QUEUED if reason is Reason.BACKOFF else Phase.SUBMITTED
    return ready(job=job(phase, reason, **fields))


def test_number_in_the_queue_with_a_rough_eta():
    answer = explain(ready(ahead=29, recent_rate_per_second=10.0), now=NOW)
    assert (answer.reason, answer.position, answer.eta_seconds) == (Reason.QUEUED, 30, 3.0)
    assert "number 30 in queue 'images'" in answer.sentence
    assert "every slot of 2 workers is busy" in answer.sentence
    assert answer.next_steps


def test_free_slots_mean_at_once():
    answer = explain(ready(ahead=1, free_slots=3), now=NOW)
    assert (answer.position, answer.eta_seconds) == (2, 0.0)
    assert "3 slots free" in answer.sentence


def test_no_eta_is_told_where_nobody_can_know():
    assert explain(ready(ahead=5), now=NOW).eta_seconds is None


def test_unknown_queue():
    answer = explain(ready(queue=None), now=NOW)
    assert answer.reason is Reason.QUEUE_NOT_FOUND
    assert "no queue 'images' in namespace 'team'" in answer.sentence
    assert "create the TaskQueue images" in answer.next_steps[0]
    assert "kubectl describe taskqueue images" in answer.next_steps[1]


def test_no_worker_at_all_and_none_for_the_task_are_told_apart():
    nobody = explain(ready(workers=0, capable_workers=0), now=NOW)
    stranger = explain(ready(workers=1, capable_workers=0), now=NOW)
    assert nobody.reason is stranger.reason is Reason.NO_WORKER_FOR_TASK
    assert "No worker is connected" in nobody.sentence
    assert stranger.sentence == "1 worker of queue 'images', but none knows task 'resize'."
    assert any("taskjob worker" in step for step in nobody.next_steps)


BAD_IMAGE = QueueTrouble(reason="ImagePullBackOff", message="shop/resize:2: not found")
BROKEN = Queue(namespace="team", name="images", trouble=BAD_IMAGE)


@pytest.mark.parametrize(
    ("workers", "sentence"),
    [
        (0, "No worker is connected that serves queue 'images'."),
        (1, "1 worker of queue 'images', but none knows task 'resize'."),
    ],
)
def test_workers_that_cannot_start_are_told_with_what_mends_them(workers, sentence):
    answer = explain(ready(queue=BROKEN, workers=workers, capable_workers=0), now=NOW)
    assert answer.reason is Reason.NO_WORKER_FOR_TASK
    assert answer.sentence == f"{sentence} Its workers cannot start: ImagePullBackOff: shop/resize:2: not found."
    assert answer.trouble == BAD_IMAGE
    assert answer.next_steps == ("see its conditions, and mend it: kubectl describe taskqueue images -n team",)


def test_more_workers_that_cannot_start_are_told_where_all_are_busy():
    quota = msgspec.structs.replace(BROKEN, trouble=QueueTrouble(reason="QuotaExceeded"))
    busy = explain(ready(queue=quota, ahead=4), now=NOW)
    assert busy.sentence.endswith("every slot of 2 workers is busy. More workers cannot start: QuotaExceeded.")
    assert busy.trouble == quota.trouble
    free = explain(ready(queue=quota, free_slots=3), now=NOW)
    assert free.trouble is None
    assert "cannot start" not in free.sentence


def test_a_pause_comes_before_a_trouble():
    paused = msgspec.structs.replace(BROKEN, paused=True)
    assert explain(ready(queue=paused, workers=0, capable_workers=0), now=NOW).reason is Reason.QUEUE_PAUSED


def test_a_pause_names_who_why_and_until_when():
    paused = Queue(
        namespace="team",
        name="images",
        paused_by="ada",
        paused_reason="disk full\nsee wiki",
        paused_until=NOW + 90 * SECOND,
    )
    answer = explain(ready(queue=paused, workers=0), now=NOW)
    assert answer.reason is Reason.QUEUE_PAUSED
    assert answer.sentence == "Queue 'images' is paused by ada (disk full) until 2026-11-23T07:01:30.000000Z."
    assert answer.eta_seconds == 90.0
    assert answer.next_steps == ("taskjob resume images",)


def test_a_pause_of_the_document_is_ended_in_the_document():
    answer = explain(ready(queue=Queue(namespace="team", name="images", paused=True)), now=NOW)
    assert answer.reason is Reason.QUEUE_PAUSED
    assert "its own document" in answer.sentence
    assert answer.eta_seconds is None


def test_a_pause_that_is_over_says_nothing():
    over = Queue(namespace="team", name="images", paused_by="ada", paused_until=NOW)
    assert explain(ready(queue=over), now=NOW).reason is Reason.QUEUED


def test_queue_limit():
    queue = Queue(namespace="team", name="images", limits=QueueLimits(max_concurrency=4))
    answer = explain(ready(queue=queue, running_in_queue=4, permit_holders=("a", "b")), now=NOW)
    assert answer.reason is Reason.QUEUE_LIMIT
    assert answer.holders == ("a", "b")
    assert "maxConcurrency" in answer.sentence
    assert explain(ready(queue=queue, running_in_queue=3), now=NOW).reason is Reason.QUEUED


def test_rate_limit_with_its_eta():
    queue = Queue(namespace="team", name="images", limits=QueueLimits(rate_per_second=5))
    answer = explain(ready(queue=queue, ahead=10, rate_retry_after_seconds=0.4), now=NOW)
    assert (answer.reason, answer.eta_seconds) == (Reason.RATE_LIMIT, 2.4)


def test_key_limit_names_the_holder():
    facts = waiting(Reason.LIMITED, concurrency_key="customer-7")
    answer = explain(msgspec.structs.replace(facts, permit_holders=("h1", "h2", "h3", "h4", "h5")), now=NOW)
    assert answer.reason is Reason.LIMITED
    assert "'customer-7'" in answer.sentence
    assert "held by h1, h2, h3 and 2 more" in answer.sentence
    assert answer.next_steps[0] == "taskjob explain h1"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.DELAYED, "starts in 1 h 2 min, at 2026-11-23T08:02:00.000000Z"),
        (Reason.SNOOZED, "put it off (snooze); it starts again in 1 h 2 min"),
    ],
)
def test_a_wait_for_a_time_says_which(reason, words):
    answer = explain(waiting(reason, due_at=NOW + 3720 * SECOND), now=NOW)
    assert (answer.reason, answer.eta_seconds) == (reason, 3720.0)
    assert words in answer.sentence


def test_a_long_wait_is_told_in_days():
    assert "in 3 d 4 h" in explain(waiting(Reason.DELAYED, due_at=NOW + 76 * 3600 * SECOND), now=NOW).sentence


def test_blocked_by_other_jobs():
    assert "depends on" in explain(waiting(Reason.BLOCKED), now=NOW).sentence


def test_back_off_tells_the_error_and_the_next_attempt():
    facts = waiting(
        Reason.BACKOFF, attempts=2, due_at=NOW + 4 * SECOND, last_error=ErrorInfo(type="OSError", message="gone\nx")
    )
    answer = explain(facts, now=NOW)
    assert answer.sentence.startswith("Attempt 2 of 5 failed after OSError: gone; the next one starts in 4 s")


def test_suspended_beats_every_other_reason_to_wait():
    answer = explain(waiting(Reason.DELAYED, suspend=True, due_at=NOW + SECOND), now=NOW)
    assert answer.reason is Reason.SUSPENDED


def test_running_and_assigned():
    begun = job(Phase.RUNNING, Reason.RUNNING, worker="w1", started_at=NOW - 75 * SECOND, progress="3/10")
    answer = explain(ready(job=begun), now=NOW)
    assert answer.reason is Reason.RUNNING
    assert "on w" in answer.sentence
    assert "for 1 min 15 s of at most 1 h, progress 3/10" in answer.sentence
    assert explain(ready(job=job(Phase.ASSIGNED, Reason.ASSIGNED)), now=NOW).reason is Reason.ASSIGNED


def test_cancelling():
    leaving = job(Phase.RUNNING, Reason.RUNNING, worker="w1", cancel_requested_at=NOW - 2 * SECOND)
    answer = explain(ready(job=leaving), now=NOW)
    assert answer.reason is Reason.CANCELLING
    assert "2 s ago" in answer.sentence


def test_hold_off_is_told_of_a_job_whose_worker_is_silent():
    silent = ready(job=job(Phase.RUNNING, Reason.RUNNING, worker="w1"), workers=0, capable_workers=0)
    answer = explain(silent, now=NOW, holdoff_seconds=11.5)
    assert (answer.reason, answer.eta_seconds) == (Reason.HOLD_OFF, 11.5)
    assert explain(silent, now=NOW).reason is Reason.RUNNING
    heard = msgspec.structs.replace(silent, workers=1)
    assert explain(heard, now=NOW, holdoff_seconds=11.5).reason is Reason.RUNNING


@pytest.mark.parametrize(
    ("phase", "reason", "words"),
    [
        (Phase.COMPLETED, Reason.COMPLETED, "completed on attempt 2"),
        (Phase.CANCELLED, Reason.CANCEL_REQUESTED, "its cancel was requested"),
        (Phase.CANCELLED, Reason.CANCELLED_BY_TASK, "the task cancelled it itself"),
        (Phase.DEAD_LETTER, Reason.ATTEMPTS_EXHAUSTED, "all 5 attempts failed"),
        (Phase.DEAD_LETTER, Reason.NON_RETRYABLE, "retrying does not mend"),
        (Phase.DEAD_LETTER, Reason.LOST_EXHAUSTED, "its worker died more than 3 times"),
        (Phase.DEAD_LETTER, Reason.INTERRUPTIONS_EXHAUSTED, "interrupted 20 times"),
        (Phase.DEAD_LETTER, Reason.DELIVERIES_EXHAUSTED, "handed out 48 times"),
        (Phase.DEAD_LETTER, Reason.DEADLINE_EXCEEDED, "activeDeadlineSeconds passed"),
    ],
)
def test_finished_jobs_say_how_they_ended(phase, reason, words):
    ended = job(phase, reason, attempts=2, interruptions=20, deliveries=48, name="cats")
    answer = explain(ready(job=ended), now=NOW)
    assert answer.reason is reason
    assert words in answer.sentence
    if phase is Phase.DEAD_LETTER:
        assert answer.next_steps[0] == "taskjob logs cats"


def test_a_dead_letter_shows_its_last_error_in_one_line():
    error = ErrorInfo(type="ValueError", message="x" * 500 + "\nsecond line")
    dead = job(Phase.DEAD_LETTER, Reason.NON_RETRYABLE, attempts=1, last_error=error)
    sentence = explain(ready(job=dead), now=NOW).sentence
    assert "Last error: ValueError: xxx" in sentence
    assert "second" not in sentence
    assert len(sentence) < 400


def test_an_answer_is_camel_case_json():
    encoded = msgspec.json.decode(msgspec.json.encode(explain(ready(ahead=1, free_slots=3), now=NOW)))
    assert encoded["etaSeconds"] == 0.0
    assert "next_steps" not in encoded


def test_a_deleted_queue_says_what_the_job_waits_for():
    answer = explain(ready(queue=Queue(namespace="team", name="images", deleted=True), workers=0), now=NOW)
    assert answer.reason is Reason.QUEUE_DELETED
    assert answer.sentence == "The TaskQueue 'images' was deleted. The job waits for a queue of that name."
    assert "create the TaskQueue images again" in answer.next_steps[0]
