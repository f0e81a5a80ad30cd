"""`taskjob apply`: created, unchanged, configured, refused; and nothing sent unless all is valid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from live_stack import LiveStack

from taskjob.model import Phase

JOB = """\
apiVersion: taskjob.dev/v1alpha1
kind: TaskJob
metadata: {{name: {name}, labels: {{from: file}}}}
spec: {{task: add, payload: {{a: 1, b: {b}}}{more}}}
"""
QUEUE = """\
apiVersion: taskjob.dev/v1alpha1
kind: TaskQueue
metadata: {{name: {name}}}
spec: {{limits: {{maxConcurrency: {limit}}}}}
"""


def job(name: str, b: int = 2, more: str = "") -> str:
    return JOB.format(name=name, b=b, more=more)


def test_created_then_unchanged_then_configured(run: Any, stack: LiveStack) -> None:
    first = job("once", more=", startAfter: '2099-01-01T00:00:00Z'")

    assert run("apply", "-f", "-", stdin=first).out == "taskjob/once created\n"
    assert run("apply", "-f", "-", stdin=first).out == "taskjob/once unchanged\n"
    raised = job("once", more=", startAfter: '2099-01-01T00:00:00Z', priority: 7")
    assert run("apply", "-f", "-", stdin=raised).out == "taskjob/once configured\n"
    (found,) = [one for one in stack.client.jobs() if one.name == "once"]
    assert (found.priority, found.labels) == (7, {"from": "file"})
    cancelled = job("once", more=", startAfter: '2099-01-01T00:00:00Z', cancel: true")
    assert run("apply", "-f", "-", stdin=cancelled).out == "taskjob/once configured\n"
    assert stack.client.get(found.id).phase is Phase.CANCELLED


def test_rerun_only_grows_and_is_done_once(run: Any, stack: LiveStack) -> None:
    run("apply", "-f", "-", "--wait", stdin=job("again"))

    assert run("apply", "-f", "-", "--wait", stdin=job("again", more=", rerun: 1")).out == "taskjob/again configured\n"
    assert run("apply", "-f", "-", stdin=job("again", more=", rerun: 1")).out == "taskjob/again unchanged\n"
    assert [one.run for one in stack.client.jobs() if one.name == "again"] == [1]


def test_another_payload_under_the_same_name_is_refused(run: Any) -> None:
    run("apply", "-f", "-", stdin=job("fixed"))

    ran = run("apply", "-f", "-", stdin=job("fixed", b=3))

    assert ran.code == 6
    assert "the job fixed exists with another payload, which cannot be changed" in ran.err
    assert "next: give the document another metadata.name" in ran.err


def test_other_labels_under_the_same_name_are_refused_not_dropped(run: Any, stack: LiveStack) -> None:
    run("apply", "-f", "-", stdin=job("labelled"))

    ran = run("apply", "-f", "-", stdin=job("labelled").replace("from: file", "from: elsewhere"))

    assert (ran.code, ran.out) == (6, "")
    assert "the job labelled exists with other labels, which cannot be changed" in ran.err
    (found,) = [one for one in stack.client.jobs() if one.name == "labelled"]
    assert found.labels == {"from": "file"}


def test_what_get_prints_of_a_job_that_ran_again_is_that_job(run: Any, stack: LiveStack) -> None:
    run("apply", "-f", "-", "--wait", stdin=job("timed", more=", activeDeadlineSeconds: 600"))
    (found,) = [one for one in stack.client.jobs() if one.name == "timed"]
    stack.client.rerun(found.id)
    stack.client.wait(found.id, timeout_seconds=60)

    printed = run("get", "job", "timed", "-o", "yaml").out

    assert yaml.safe_load(printed)["spec"]["activeDeadlineSeconds"] == 600
    assert run("apply", "-f", "-", stdin=printed).out == "taskjob/timed unchanged\n"


def test_a_queue_is_made_before_the_jobs_of_its_file(run: Any) -> None:
    text = job("queued", more=", queue: media") + "---\n" + QUEUE.format(name="fresh", limit=1)

    assert run("apply", "-f", "-", stdin=text).out.splitlines() == ["taskqueue/fresh created", "taskjob/queued created"]
    assert run("apply", "-f", "-", stdin=QUEUE.format(name="fresh", limit=1)).out == "taskqueue/fresh unchanged\n"
    assert run("apply", "-f", "-", stdin=QUEUE.format(name="fresh", limit=2)).out == "taskqueue/fresh configured\n"


def test_generated_names_make_a_job_each_time(run: Any) -> None:
    text = job("x").replace("name: x", "generateName: gen-")

    names = {run("apply", "-f", "-", stdin=text).out.split()[0] for _ in range(2)}

    assert len(names) == 2
    assert all(re.fullmatch(r"taskjob/gen-[0-9a-f]{6}", name) for name in names)


def test_a_folder_is_read_in_order_and_waited_for(run: Any, tmp_path: Path) -> None:
    (tmp_path / "jobs/deeper").mkdir(parents=True)
    (tmp_path / "jobs/b.yaml").write_text(job("folder-b"))
    (tmp_path / "jobs/deeper/c.yml").write_text(job("folder-c"))
    (tmp_path / "jobs/a.yaml").write_text(job("folder-a"))
    (tmp_path / "jobs/notes.txt").write_text("not a document")

    ran = run("apply", "-f", "jobs", "--wait", "--timeout", "60s")

    assert ran.code == 0
    assert ran.out.split()[::2] == ["taskjob/folder-a", "taskjob/folder-b", "taskjob/folder-c"]
    assert ran.err == "3 jobs: 3 Completed\n"


def test_wait_fails_with_the_jobs_that_fail(run: Any) -> None:
    text = (
        job("good")
        + "---\n"
        + job("bad").replace("task: add", "task: fail").replace("b: 2}", "b: 2}, retry: {maxAttempts: 1}")
    )

    ran = run("apply", "-f", "-", "--wait", "--timeout", "60s", stdin=text)

    assert ran.code == 1
    assert "2 jobs: 1 Completed, 1 DeadLetter" in ran.err
    assert "job bad is a dead letter (NonRetryable): InvalidPayload" in ran.err


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (job("x", more=", priorty: 3"), 2, "line 4: unknown field 'priorty' (at /spec/priorty)"),
        (job("x", more=", array: {count: 3}"), 2, "array is not built yet (at /spec/array)"),
        (job("x").replace("TaskJob", "TaskJobb"), 2, "kind: expected one of TaskJob, TaskQueue, TaskSchedule"),
        (job("x").replace("name: x", "name: X_"), 2, "line 3: metadata.name: expected"),
        ("a: [", 2, "stdin: line 2: "),
        ("", 2, "no document in -"),
        (job("x").replace("name: x", "name: x, namespace: other"), 2, "the document says namespace 'other'"),
    ],
)
def test_bad_documents_are_told_with_file_and_line(run: Any, text: str, code: int, said: str) -> None:
    ran = run("apply", "-f", "-", stdin=text)

    assert ran.code == code, ran
    assert said in ran.err
    assert ran.out == ""


def test_one_bad_document_and_nothing_is_sent(run: Any, stack: LiveStack) -> None:
    ran = run("apply", "-f", "-", stdin=job("innocent") + "---\n" + job("guilty", more=", priority: 99999"))

    assert ran.code == 2
    assert "line 9: spec.priority: expected at most 1000, got 99999" in ran.err
    assert "innocent" not in {one.name for one in stack.client.jobs()}


def test_an_unknown_task_is_warned_of_and_accepted(run: Any) -> None:
    ran = run("apply", "-f", "-", stdin=job("lonely").replace("task: add", "task: nobody"))

    assert (ran.code, ran.out) == (0, "taskjob/lonely created\n")
    assert "warning: no connected worker knows the task 'nobody'" in ran.err
    assert "Known: add, fail" in ran.err


def test_a_thousand_and_more_jobs(run: Any, stack: LiveStack) -> None:
    text = "---\n".join(job(f"bulk-{number}", more=", queue: media") for number in range(1100))

    ran = run("apply", "-f", "-", "--wait", "--timeout", "300s", stdin=text)

    assert ran.code == 0, ran.err[-500:]
    assert ran.out.count(" created\n") == 1100
    assert "1100 jobs: 1100 Completed" in ran.err
