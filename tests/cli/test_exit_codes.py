"""The documented exit codes, and the three lines of an error."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_stack import LiveStack, clean_environment, eventually, live_api

from taskjob.cli.exit_codes import ExitCode

Taskjob = Callable[..., subprocess.CompletedProcess[str]]


def test_0_ok(run: Any) -> None:
    ran = run("submit", "add", "a=1", "b=2", "--wait", "--timeout", "60s")

    assert (ran.code, ran.out) == (0, "3\n")


def test_1_job_failed(run: Any) -> None:
    ran = run("submit", "fail", "message=broken", "--max-attempts", "1", "--wait", "--timeout", "60s")

    assert ran.code == 1
    assert ran.out == ""
    assert "1 job: 1 DeadLetter" in ran.err
    assert "(AttemptsExhausted): ValueError: broken" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("submit",), "Missing argument 'TASK'"),
        (("submit", "add", "nonsense"), "'nonsense' is not KEY=VALUE"),
        (("submit", "add", "--json", "{"), "--json is not JSON"),
        (("submit", "add", "--json", "[" * 9_000), "--json is nested too deep"),
        (("submit", "add", "value=" + "[" * 9_000), "a value is nested too deep"),
        (("submit", "add", "--json", "[1]"), "--json must be an object"),
        (("submit", "no/task"), "task: expected"),
        (("submit", "add", "--start-after", "tomorrow"), "neither a duration like 5m nor a time"),
        (("get", "jobs", "--phase", "done"), "'done' is no phase"),
        (("get", "pods"), "'pods' is not one of jobs, queues, workers"),
        (("wait", "x", "--for", "luck"), "--for 'luck' is not one of"),
        (("wait", "x", "--timeout", "soon"), "'soon' is no duration"),
        (("stat",), "No such command 'stat'. Did you mean 'stats'?"),
        (("frobnicate",), "'taskjob --help' lists the commands"),
        (("stats", "--server", "localhost"), "'localhost' is not a server"),
        (("dlq", "purge"), "say which"),
        (("logs", "x", "-f", "--delivery", "1"), "leave --delivery and --run out"),
    ],
)
def test_2_usage(run: Any, arguments: tuple[str, ...], said: str) -> None:
    ran = run(*arguments)

    assert ran.code == 2, ran
    assert said in ran.err
    assert ran.err.startswith("error: ")
    assert ran.out == ""


def test_3_not_found(run: Any) -> None:
    ran = run("logs", "no-such-job")

    assert ran.code == 3
    assert ran.err.splitlines() == [
        "error: no job 'no-such-job' in namespace 'default'",
        "why: Not found [NotFound]",
        "next: `taskjob get jobs` lists them; an id may be shortened to 8 digits or more",
    ]
    assert run("describe", "queue", "nope").code == 3
    assert run("describe", "worker", "nope").code == 3
    assert run("get", "job", "0" * 32).code == 3
    assert run("apply", "-f", "nowhere.yaml").code == 3


def test_4_timeout(run: Any) -> None:
    run("submit", "add", "a=1", "b=1", "--name", "much-later", "--start-after", "1h")

    ran = run("wait", "much-later", "--timeout", "200ms")

    assert ran.code == 4
    assert "job much-later is submitted (Delayed) after 0.2 s" in ran.err


def test_5_not_allowed(taskjob: Taskjob, tmp_path: Path) -> None:
    tokens = str(tmp_path / "tokens.json")
    made = taskjob("token", "create", "--file", tokens, "--scope", "read")
    (tmp_path / "token").write_text(made.stdout)
    with live_api(tmp_path, AUTH="token", TOKENS_FILE=tokens) as (url, _):
        without = taskjob("stats", "--server", url)
        reading = taskjob("stats", "--server", url, "--token-file", "token")
        writing = taskjob("submit", "add", "--server", url, TASKJOB_TOKEN_FILE=str(tmp_path / "token"))

    assert (without.returncode, reading.returncode, writing.returncode) == (5, 0, 5)
    assert "[Unauthenticated]" in without.stderr
    assert "the token lacks the scope submit" in writing.stderr
    assert made.stdout.strip() not in tokens


def test_6_conflict(run: Any) -> None:
    run("submit", "add", "a=1", "b=1", "--key", "conflicting")

    ran = run("submit", "add", "a=1", "b=2", "--key", "conflicting")

    assert ran.code == 6
    assert "[IdempotencyConflict]" in ran.err


def test_7_cannot_connect(taskjob: Taskjob) -> None:
    done = taskjob("stats", "--server", "http://127.0.0.1:1")

    assert done.returncode == 7
    assert done.stderr.splitlines()[0].startswith("error: no answer from http://127.0.0.1:1")
    assert done.stderr.splitlines()[2].startswith("next: start a server with `taskjob dev`")


def test_130_interrupted(stack: LiveStack, tmp_path: Path) -> None:
    job = stack.client.submit("nap", {"seconds": 600})
    eventually(lambda: stack.client.get(job.id).started_at, "started")
    waiting = subprocess.Popen(
        [sys.executable, "-m", "taskjob.cli", "logs", "-f", job.id],
        env=clean_environment(TASKJOB_SERVER=stack.url, PYTHONUNBUFFERED="1"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "napping\n"
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=60)

    stack.client.cancel(job.id)

    assert waiting.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err


def test_a_reader_that_leaves_is_no_error(stack: LiveStack) -> None:
    padding = "x" * 2000  # more in all than a pipe holds
    jobs = [{"task": "add", "payload": {"padding": padding}, "queue": "reader"} for _ in range(100)]
    assert len(list(stack.client.submit_many(jobs))) == 100
    listing = "get jobs --queue reader --limit 101 -o json"
    command = f"{sys.executable} -m taskjob.cli {listing} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        env=clean_environment(TASKJOB_SERVER=stack.url),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_every_code_is_documented_in_help(run: Any) -> None:
    text = " ".join(run("--help").out.split())

    for code in ExitCode:
        assert f"{code.value} " in text, code
