"""From a job to a status: what a person reads, within bounds, without secrets, and always the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from operator_jobs import AT, ID, any_job, job, raw_object

from taskjob.model import ErrorInfo, Job, Phase, Reason, RetryPolicy
from taskjob.spec.taskjob_status import TaskJobStatus as StatusDocument
from taskjob_operator.record import look
from taskjob_operator.status import jobless
from taskjob_operator.status.build import status_of
from taskjob_operator.status.document import TaskJobStatus, digest_of, read_status
from taskjob_operator.status.redact import redacted_line

MAX_STATUS_BYTES = 8 * 1024


def built(one: Job, *, mirrored: bool = False, generation: int = 1, now: int = AT) -> TaskJobStatus:
    return status_of(one, generation=generation, incarnation="life-1", mirrored=mirrored, now=now)


def conditions(status: TaskJobStatus) -> dict[str, str]:
    return {one.type: one.status for one in status.conditions}


def admitted(status: TaskJobStatus) -> Any:
    """As JSON, once the document that the schema is made from has taken it."""
    written = msgspec.json.decode(msgspec.json.encode(status.written()))
    StatusDocument.model_validate(written)
    return written


def test_a_completed_job() -> None:
    status = built(
        job(Phase.COMPLETED, attempts=2, result=msgspec.Raw(b'{"width":640}'), worker="images-1", revision=7)
    )

    assert ("Completed", "Completed", "2/5", "1.5s") == (status.phase, status.reason, status.attempt, status.duration)
    assert '{"width":640}' == status.result
    assert ("life-1", 0, 7, ID) == (status.incarnation, status.run, status.revision, status.job_id)
    assert conditions(status) == {
        "Accepted": "True",
        "Completed": "True",
        "Failed": "False",
        "Finished": "True",
        "Reconciling": "False",
    }


def test_a_dead_letter_is_stalled_for_kstatus() -> None:
    status = built(job(Phase.DEAD_LETTER, attempts=5, last_error=ErrorInfo(type="ValueError", message="no\n image")))

    assert "ValueError: no image" == status.last_error
    assert "attempt 5 of 5 failed: ValueError: no image" == status.message
    assert "True" == conditions(status)["Failed"] == conditions(status)["Stalled"] == conditions(status)["Finished"]
    assert "False" == conditions(status)["Completed"] == conditions(status)["Reconciling"]


def test_a_waiting_job_says_what_failed_and_when_it_goes_on() -> None:
    error = ErrorInfo(type="ValueError", message="no disk\npassword=geheim")
    status = built(job(Phase.RETRY_QUEUED, attempts=1, due_at=1_900_000_000_000_000, last_error=error))

    assert status.message.startswith("next attempt at 2030-03-17T17:46:40Z; ")
    assert "attempt 1 of 5 failed: ValueError: no disk" in status.message
    assert "geheim" not in status.message


def test_a_cancelled_job_has_finished_and_not_failed() -> None:
    held = conditions(built(job(Phase.CANCELLED)))

    assert ("True", "False", "False") == (held["Finished"], held["Failed"], held["Completed"])
    assert "Stalled" not in held


@pytest.mark.parametrize(
    ("phase", "attempts", "shown"),
    [(Phase.QUEUED, 0, "0/5"), (Phase.RUNNING, 0, "1/5"), (Phase.RETRY_QUEUED, 1, "1/5"), (Phase.RUNNING, 5, "5/5")],
)
def test_the_attempt_that_runs_counts(phase: Phase, attempts: int, shown: str) -> None:
    assert shown == built(job(phase, attempts=attempts)).attempt


def test_a_live_job_reconciles_and_says_why_it_waits() -> None:
    status = built(job(Phase.SUBMITTED, reason=Reason.SUSPENDED, suspend=True))

    assert "spec.suspend is true" == status.message
    assert {"Accepted": "True", "Suspended": "True", "Finished": "False", "Reconciling": "True"} == conditions(status)


def test_a_mirror_says_whose_job_it_shows() -> None:
    accepted = built(job(), mirrored=True).conditions[0]

    assert ("Accepted", "Mirrored") == (accepted.type, accepted.reason)
    assert ID in accepted.message


def test_a_large_result_is_left_to_its_reference() -> None:
    status = built(job(Phase.COMPLETED, result=msgspec.Raw(b'"' + b"x" * 2000 + b'"'), result_ref="file://r"))

    assert ("", "file://r") == (status.result, status.result_ref)


@given(any_job())
def test_any_job_gives_a_status_that_its_schema_admits(one: Job) -> None:
    written = admitted(built(one))

    assert len(msgspec.json.encode(written)) <= MAX_STATUS_BYTES
    assert one.phase.pascal == written["phase"]


@given(any_job())
def test_what_is_read_back_says_the_same(one: Job) -> None:
    """Whenever it was built, and whatever the order of the conditions: a restart writes nothing."""
    status = built(one, now=AT)
    again = built(one, now=AT + 99)
    stored = msgspec.json.decode(msgspec.json.encode(again.written()))
    stored["conditions"].reverse()

    assert digest_of(status) == look(raw_object(status=stored)).standing.digest


def test_what_waits_without_a_job_and_is_read_back_says_the_same() -> None:
    """Else it would be written again and again while nothing changes."""
    status = jobless.waiting("ApiUnavailable", "it goes on trying", generation=1, now=AT)
    stored = msgspec.json.decode(msgspec.json.encode(status.written()))

    assert digest_of(status) == look(raw_object(status=stored)).standing.digest


def test_texts_that_differ_differ() -> None:
    assert digest_of(built(job(progress="1/2"))) != digest_of(built(job(progress="2/2")))


def test_a_status_that_cannot_be_read_counts_as_not_written() -> None:
    assert read_status({"run": "seven"}) == read_status(None) == TaskJobStatus(reason="NotYetSeen")


@pytest.mark.parametrize(
    "text",
    [
        "connect to postgres://admin:s3cr3t@db:5432/x",
        "password=s3cr3t rejected",
        'body {"api_key": "s3cr3t", "user": "me"}',
        "DB_PASSWORD: s3cr3t",
        "Authorization: Bearer s3cr3tabcdef",
        "GET https://bucket/x?X-Amz-Signature=s3cr3t&a=1",
        "AWS_SECRET_ACCESS_KEY='s3cr3t'",
    ],
)
def test_secrets_do_not_reach_the_status(text: str) -> None:
    status = built(job(Phase.DEAD_LETTER, last_error=ErrorInfo(type="Error", message=text), message=text))

    assert "s3cr3t" not in msgspec.json.encode(status).decode()
    assert "***" in status.last_error


@pytest.mark.parametrize(
    "text", ["AKIAABCDEFGHIJKLMNOP", "ghp_" + "a" * 30, "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"]
)
def test_tokens_are_known_by_their_form(text: str) -> None:
    assert text not in redacted_line(f"refused {text}!")


def test_control_characters_and_breaks_become_spaces() -> None:
    assert "a b [31mc d" == redacted_line("a\r\nb\x1b[31mc\u2028d\x00")


def test_a_plain_message_stays_as_it_is() -> None:
    assert "index 17: no such file cats.png (2 of 3)" == redacted_line("index 17: no such file cats.png (2 of 3)")


def test_a_long_text_is_looked_at_within_bounds() -> None:
    assert len(redacted_line("token=" * 100_000)) <= 4096


def test_rejected_is_final() -> None:
    status = jobless.rejected("KeyConflict", "/spec/idempotencyKey: taken", generation=3, run=1, now=AT)

    admitted(status)
    assert ("Rejected", "KeyConflict", 3, 1) == (status.phase, status.reason, status.observed_generation, status.run)
    assert ("False", "True", "True") == tuple(conditions(status)[name] for name in ("Accepted", "Failed", "Finished"))
    assert look(raw_object(status=status.written())).standing.final


def test_an_odd_code_becomes_a_word() -> None:
    assert "Refused" == jobless.waiting("what is this?", "", generation=1, now=AT).reason


def test_waiting_is_not_accepted_yet() -> None:
    status = jobless.waiting("QuotaExceeded", "too many", generation=1, now=AT)

    admitted(status)
    assert {"Accepted": "False", "Finished": "False", "Reconciling": "True"} == conditions(status)


def test_an_expired_job_keeps_its_last_phase_and_says_that_it_is_final() -> None:
    status = jobless.expired(built(job(Phase.RUNNING)), generation=2, now=AT)

    admitted(status)
    assert ("Running", "Expired", 2) == (status.phase, status.reason, status.observed_generation)
    assert ("True", "Unknown", "Unknown") == tuple(
        conditions(status)[name] for name in ("Finished", "Completed", "Failed")
    )
    assert look(raw_object(status=status.written())).standing.final


def test_an_outcome_outlives_its_job() -> None:
    done = built(job(Phase.COMPLETED))

    later = jobless.expired(done, generation=4, now=AT)

    assert ("Completed", done.finished_at, 4) == (later.phase, later.finished_at, later.observed_generation)
    assert {4} == {one.observed_generation for one in later.conditions}


def test_the_default_policy_is_what_an_attempt_is_counted_by() -> None:
    assert f"0/{RetryPolicy().max_attempts}" == built(job()).attempt
