"""What get, describe and explain print, word for word; what changes from run to run is masked, layout is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from live_stack import LiveStack, clean_environment, eventually

from taskjob.client.views import JobView

_MASKS = (
    (r"\b[0-9a-f]{32}\b", "<id>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "<time>"),
    (r"auto-[0-9a-f]+", "<key>"),
    (r'File ".*live_tasks\.py", line \d+', 'File "live_tasks.py", line <n>'),
    (r"(?<![\w.])(<1ms|(\d+m)?\d+(\.\d)?(ms|s))\b", "<span>"),
)


def masked(text: str) -> str:
    """Runs of spaces become one: columns move with the width of what is masked."""
    for pattern, mask in _MASKS:
        text = re.sub(pattern, mask, text)
    return "\n".join(re.sub(r" {2,}", "  ", line.strip()) for line in text.splitlines())


@pytest.fixture(scope="module")
def done(stack: LiveStack) -> JobView:
    return stack.finished("add", a=1, b=2, fields={"name": "sum", "labels": {"team": "a", "env": "test"}})


@pytest.fixture(scope="module")
def dead(stack: LiveStack) -> JobView:
    retry = {"maxAttempts": 2, "backoff": {"initialSeconds": 0}}
    return stack.finished("fail", message="no luck", fields={"name": "unlucky", "retry": retry, "queue": "media"})


@pytest.fixture
def paused(stack: LiveStack) -> Iterator[JobView]:
    stack.client.put_queue("held", {"limits": {"maxConcurrency": 2}})
    stack.client.pause("held", reason="repair")
    job = stack.client.submit("add", {"a": 1, "b": 1}, queue="held", name="waits")
    yield stack.client.get(job.id)
    stack.client.cancel(job.id)
    stack.client.resume("held")


def test_get_jobs(run: Any, done: JobView, dead: JobView) -> None:
    assert masked(run("get", "jobs", "sum", "unlucky").out) == (
        "JOB  TASK  QUEUE  STATUS  ATTEMPT  DURATION  AGE\n"
        "sum  add  default  Completed  1/5  <span>  <span>\n"
        "unlucky  fail  media  DeadLetter  2/2  <span>  <span>"
    )


def test_get_wide_adds_columns_and_cuts_nothing(run: Any, dead: JobView) -> None:
    header, row = run("get", "job", dead.id, "-o", "wide").out.splitlines()

    assert header.split()[-7:] == ["ID", "RUN", "PRIORITY", "WORKER", "PROGRESS", "REASON", "MESSAGE"]
    assert dead.id in row
    assert row.endswith("AttemptsExhausted  ValueError: no luck")


def test_columns_stand_below_their_headings(run: Any, done: JobView, dead: JobView) -> None:
    lines = run("get", "jobs", "sum", "unlucky").out.splitlines()

    at = lines[0].index("STATUS")
    assert [line[at:].split()[0] for line in lines[1:]] == ["Completed", "DeadLetter"]
    assert "\x1b" not in "".join(lines)


def test_get_filters_and_names(run: Any, dead: JobView) -> None:
    ran = run("get", "jobs", "--queue", "media", "--phase", "DeadLetter", "--task", "fail", "-o", "name")
    assert ran.out == "taskjob/unlucky\n"
    assert run("get", "jobs", "-l", "team=nobody").out == ""
    assert run("get", "jobs", "-l", "team=nobody").err == "no jobs found\n"
    assert run("get", "job", "taskjob/unlucky", "-o", "name").out == "taskjob/unlucky\n"


def test_a_job_is_found_by_the_beginning_of_its_id(run: Any, done: JobView) -> None:
    assert run("get", "job", done.id[:20], "-o", "name").out == "taskjob/sum\n"
    assert run("get", "job", done.id[:7]).code == 3


def test_an_ambiguous_name_lists_the_ids(run: Any, stack: LiveStack) -> None:
    ids = [stack.finished("add", a=1, b=1, fields={"name": "twin"}).id for _ in range(2)]

    ran = run("rerun", "twin")

    assert ran.code == 2
    assert "'twin' means 2 jobs" in ran.err
    assert all(job in ran.err for job in ids)


def test_get_json_is_what_rest_tells(run: Any, done: JobView) -> None:
    (told,) = json.loads(run("get", "job", "sum", "-o", "json").out)

    assert told == done.document


def test_get_yaml_is_the_custom_resource(run: Any, done: JobView) -> None:
    text = run("get", "job", "sum", "-o", "yaml").out

    told = yaml.safe_load(text)
    assert (told["apiVersion"], told["kind"]) == ("taskjob.dev/v1alpha1", "TaskJob")
    assert told["metadata"] == {
        "name": "sum",
        "namespace": "default",
        "labels": {"env": "test", "team": "a"},
        "creationTimestamp": told["metadata"]["creationTimestamp"],
    }
    assert told["spec"]["payload"] == {"a": 1, "b": 2}
    assert {"phase": "Completed", "jobID": done.id, "attempt": "1/5", "result": 3}.items() <= told["status"].items()


def test_what_get_yaml_prints_can_be_applied_again(run: Any, done: JobView) -> None:
    text = run("get", "job", "sum", "-o", "yaml").out

    ran = run("apply", "-f", "-", stdin=text)

    assert (ran.code, ran.out) == (0, "taskjob/sum unchanged\n"), ran


def test_describe_a_finished_job(run: Any, done: JobView) -> None:
    assert masked(run("describe", "job", "sum").out) == (
        "Name:  sum\n"
        "ID:  <id>\n"
        "Namespace:  default\n"
        "Queue:  default\n"
        "Task:  add\n"
        "Labels:  env=test, team=a\n"
        "Status:  Completed\n"
        "Attempt:  1/5\n"
        "Worker:  steady\n"
        "Timeout:  1h\n"
        "Created:  <time>\n"
        "Started:  <time>\n"
        "Finished:  <time>\n"
        "Duration:  <span>\n"
        'Payload:  {"a": 1, "b": 2}\n'
        "Result:  3\n"
        "Attempts:\n"
        "RUN  DELIVERY  WORKER  STARTED  TOOK  OUTCOME  ERROR\n"
        "0  1  steady  <time>  <span>  completed  -\n"
        "Artifacts:\n"
        "NAME  RUN  DELIVERY  BYTES  READ WITH\n"
        "log.txt  0  1  15  taskjob logs sum --run 0 --delivery 1\n"
        "result.json  0  1  1  taskjob result sum"
    )


def test_describe_a_dead_letter(run: Any, dead: JobView) -> None:
    assert masked(run("describe", "job", "unlucky").out) == (
        "Name:  unlucky\n"
        "ID:  <id>\n"
        "Namespace:  default\n"
        "Queue:  media\n"
        "Task:  fail\n"
        "Status:  DeadLetter (AttemptsExhausted)\n"
        "Attempt:  2/2\n"
        "Worker:  steady\n"
        "Timeout:  1h\n"
        "Created:  <time>\n"
        "Started:  <time>\n"
        "Finished:  <time>\n"
        "Duration:  <span>\n"
        'Payload:  {"message": "no luck"}\n'
        "Attempts:\n"
        "RUN  DELIVERY  WORKER  STARTED  TOOK  OUTCOME  ERROR\n"
        "0  1  steady  <time>  <span>  failed  ValueError: no luck\n"
        "0  2  steady  <time>  <span>  failed  ValueError: no luck\n"
        "Last error:\n"
        "Type:  ValueError\n"
        "Message:  no luck\n"
        "Traceback (most recent call last):\n"
        'File "live_tasks.py", line <n>, in always_fails\n'
        "raise ValueError(message)\n"
        "ValueError: no luck\n"
        "Artifacts:\n"
        "NAME  RUN  DELIVERY  BYTES  READ WITH\n"
        "log.txt  0  1  23  taskjob logs unlucky --run 0 --delivery 1\n"
        "log.txt  0  2  23  taskjob logs unlucky --run 0 --delivery 2"
    )


def test_describe_a_job_that_waits_says_why(run: Any, paused: JobView) -> None:
    assert masked(run("describe", "job", paused.id).out).splitlines()[-2:] == [
        "Why:  Queue 'held' is paused by local (repair).",
        "Next:  taskjob resume held",
    ]


def test_describe_a_queue(run: Any, paused: JobView) -> None:
    told = re.sub(r"cancelled: \d+", "cancelled: <n>", run("describe", "queue", "held").out)
    assert masked(told) == (
        "Name:  held\n"
        "Namespace:  default\n"
        "State:  Paused\n"
        "Paused by:  local, repair\n"
        "Created:  <time>\n"
        "Limits:  maxConcurrency: 2\n"
        "perConcurrencyKey: 1\n"
        "Jobs:  waiting: 0\n"
        "ready: 1\n"
        "leased: 0\n"
        "completed: 0\n"
        "deadLetter: 0\n"
        "cancelled: <n>\n"
        "Oldest ready:  <span>\n"
        "Workers:  none connected"
    )


def test_describe_a_worker(run: Any, stack: LiveStack) -> None:
    eventually(lambda: [worker.held for worker in stack.client.workers()] == [0], "the jobs of other tests have ended")

    assert masked(run("describe", "worker", "steady").out) == (
        "Name:  steady\n"
        "Session:  <id>\n"
        "State:  Connected\n"
        "Busy:  0 of 10 slots\n"
        "Carrier:  tcp\n"
        "Queues:  default, media\n"
        "Tasks:  add, fail, large, nap, say_slowly, wait_for\n"
        "Connected:  <time>\n"
        "Heard of:  <span> ago"
    )


def test_explain_a_paused_queue(run: Any, paused: JobView) -> None:
    assert masked(run("explain", paused.id).out) == (
        "Job:  waits\n"
        "Status:  Queued\n"
        "Reason:  QueuePaused\n"
        "Why:  Queue 'held' is paused by local (repair).\n"
        "Position:  1\n"
        "Next:  taskjob resume held"
    )


def test_explain_answers_for_delay_key_limit_and_unknown_task(run: Any, stack: LiveStack) -> None:
    stack.client.submit("add", {"a": 1, "b": 1}, name="delayed", start_after=timedelta(hours=1))
    stack.client.submit("nobody_knows", {}, name="unknown")
    nap = {"task": "nap", "payload": {"seconds": 600}, "concurrencyKey": "one"}
    holder, waiting = (stack.client.submit(nap | {"name": name}).id for name in ("holds", "limited"))
    eventually(lambda: stack.client.get(holder).started_at, "the holder runs")

    assert json.loads(run("explain", "delayed", "-o", "json").out)["reason"] == "Delayed"
    assert json.loads(run("explain", "unknown", "-o", "json").out)["reason"] == "NoWorkerForTask"
    limited = run("explain", "limited").out
    for job in (waiting, holder):
        stack.client.cancel(job)
    assert "Reason:   Limited" in limited
    assert holder in limited


def test_watch_prints_changes_only(stack: LiveStack) -> None:
    job = stack.client.submit("nap", {"seconds": 1}, suspend=True, name="watched")
    with subprocess.Popen(
        [sys.executable, "-m", "taskjob.cli", "get", "job", job.id, "-w"],
        env=clean_environment(TASKJOB_SERVER=stack.url, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        shown = iter(watching.stdout.readline, "")
        rows = [next(shown), next(shown)][1:]
        stack.client.amend(job.id, suspend=False)
        while "Completed" not in rows[-1]:
            rows.append(next(shown))
        watching.terminate()

    phases = [row.split()[3] for row in rows]
    assert (phases[0], phases[-1]) == ("Submitted", "Completed")
    assert len(phases) == len(set(phases))
