"""How much work a worker asks for and what it hands back: arithmetic over a given clock."""

import msgspec
import pytest

from taskjob.errors import InvalidError
from taskjob.wire.messages import Grant
from taskjob_worker.delivery import Delivery
from taskjob_worker.intake import MOST_AHEAD, Intake
from taskjob_worker.outcome import crashed
from taskjob_worker.settings import CommandSettings, WorkerSettings, read_commands


def delivery(at):
    grant = Grant(job=str(at), lease="l", queue="default", task="t", payload=msgspec.Raw(b"{}"))
    return Delivery(grant, None, at)


def test_before_anything_is_known_only_the_slots_are_filled():
    assert Intake(concurrency=10).capacity(running=4, now=0) == 6


def test_short_tasks_are_prefetched_up_to_the_limit():
    intake = Intake(concurrency=10)
    for _ in range(200):
        intake.finished(0.00001)

    assert intake.capacity(running=10, now=0) == MOST_AHEAD
    intake.waiting.append(delivery(0.0))
    assert intake.capacity(running=10, now=0) == MOST_AHEAD - 1


def test_long_tasks_are_not_prefetched():
    intake = Intake(concurrency=10)
    for _ in range(200):
        intake.finished(5.0)

    assert intake.capacity(running=10, now=0) == 0


def test_what_waited_over_a_second_is_handed_back_and_nothing_more_is_prefetched_for_a_while():
    intake = Intake(concurrency=1)
    for _ in range(200):
        intake.finished(0.00001)
    intake.waiting.extend([delivery(0.0), delivery(0.5)])

    assert [late.grant.job for late in intake.overdue(1.2)] == ["0.0"]
    assert len(intake.waiting) == 1
    assert intake.capacity(running=1, now=1.2) == 0
    assert intake.capacity(running=1, now=40.0) == MOST_AHEAD - 1


def test_a_closed_intake_asks_for_nothing():
    intake = Intake(concurrency=10)
    intake.open = False

    assert intake.capacity(running=0, now=0) == 0


@pytest.mark.parametrize(
    ("status", "text"),
    [(3, "exited with status 3"), (-11, "killed by SIGSEGV"), (-9, "killed by SIGKILL"), (-99, "killed by signal 99")],
)
def test_a_crash_is_named_and_sigkill_is_not_called_out_of_memory(status, text):
    message = crashed(status).error.message

    assert text in message
    assert "memory" not in message


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "/modules"),
        ({"modules": ("m",), "gateway": "ftp://x"}, "/gateway"),
        ({"modules": ("m",), "concurrency": 0}, "/concurrency"),
        ({"modules": ("m",), "grace_seconds": -1}, "/graceSeconds"),
        ({"modules": ("m",), "queues": ()}, "/queues"),
        ({"commands": {"c": CommandSettings(argv=())}}, "/commands/c/argv"),
    ],
)
def test_wrong_settings_name_their_field(wrong, field):
    with pytest.raises(InvalidError) as caught:
        WorkerSettings(**wrong).validated()

    assert caught.value.field == field


def test_commands_are_read_from_the_workers_own_file(tmp_path):
    path = tmp_path / "worker.toml"
    path.write_text('[commands.count]\nargv = ["wc", "-c"]\n')
    assert read_commands(str(path)) == {"count": CommandSettings(argv=("wc", "-c"))}

    path.write_text('[commands.count]\nshell = "wc -c"\n')
    with pytest.raises(InvalidError, match="shell"):
        read_commands(str(path))
