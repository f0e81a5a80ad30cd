"""`@task`, the documents it writes, and the registry."""

from datetime import UTC, datetime, timedelta

import pytest

from taskjob.context import Context
from taskjob.decorator import Task, job_document, task
from taskjob.payload import InvalidPayloadError
from taskjob.registry import CannotLoadTasksError, DuplicateTaskError, Registry, load, registry
from taskjob.signals import Retry, Snooze


def add(a: int, b: int = 1) -> int:
    return a + b


async def fetch(url: str, context: Context) -> str:
    return url


def test_a_task_is_still_the_function():
    assert Task(add)(1, b=2) == 3
    assert Task(add).__doc__ == add.__doc__


def test_names_and_executors_follow_from_the_function():
    assert (Task(add).name, Task(add).executor) == ("add", "thread")
    assert (Task(fetch).name, Task(fetch).executor) == ("fetch", "async")
    assert Task(add, name="math.add", executor="process").executor == "process"


@pytest.mark.parametrize(("function", "executor"), [(add, "async"), (fetch, "thread"), (add, "fork")])
def test_an_executor_that_cannot_run_the_function_is_refused(function, executor):
    with pytest.raises(ValueError, match=r"executor|cannot run"):
        Task(function, executor=executor)


def test_a_document_is_the_job_as_rest_takes_it():
    resize = Task(add, queue="images", timeout_seconds=60, retry={"max_attempts": 3, "backoff": {"initial_seconds": 2}})

    assert resize.document({"a": 1}, priority=5, labels={"team": "x"}) == {
        "task": "add",
        "payload": {"a": 1},
        "queue": "images",
        "timeoutSeconds": 60,
        "retry": {"maxAttempts": 3, "backoff": {"initialSeconds": 2}},
        "priority": 5,
        "labels": {"team": "x"},
    }


def test_options_win_over_the_tasks_defaults():
    assert Task(add, queue="images").document({"a": 1}, queue="slow")["queue"] == "slow"


def test_start_after_takes_aware_times_and_spans():
    at = datetime(2026, 11, 23, 6, tzinfo=UTC)

    assert job_document("t", {}, start_after=at)["startAfter"] == "2026-11-23T06:00:00Z"
    assert job_document("t", {}, start_after=timedelta(hours=1))["startAfter"].endswith("Z")
    with pytest.raises(ValueError, match="time zone"):
        job_document("t", {}, start_after=at.replace(tzinfo=None))


def test_a_document_is_validated_where_the_task_is_known():
    with pytest.raises(InvalidPayloadError):
        Task(add).document({"a": "one"})
    with pytest.raises(TypeError, match="prioriti"):
        Task(add).document({"a": 1}, prioriti=1)


def test_two_functions_of_one_name_are_refused_with_both_places():
    known = Registry()
    known.add(Task(add))

    with pytest.raises(DuplicateTaskError) as caught:
        known.add(Task(fetch, name="add"))

    assert Task(add).place in caught.value.detail
    assert Task(fetch).place in caught.value.detail


def test_the_same_definition_read_twice_is_no_duplicate():
    known = Registry()
    known.add(Task(add))
    known.add(Task(add))

    assert known.names == ("add",)


def test_the_decorator_registers():
    @task(name="sdk.registered", queue="images")
    def registered() -> None: ...

    assert registry.get("sdk.registered") is registered


def test_tasks_load_from_a_file(tmp_path):
    (tmp_path / "my_tasks_a.py").write_text("from taskjob.decorator import task\n@task\ndef from_a_file(): return 1\n")

    load(str(tmp_path / "my_tasks_a.py"))

    found = registry.get("from_a_file")
    assert found is not None
    assert found() == 1


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("no.such.module", "no module"),
        ("./missing.py", "no file"),
    ],
)
def test_a_module_that_is_not_there_is_said(spec, text):
    with pytest.raises(CannotLoadTasksError, match=text):
        load(spec)


def test_a_module_that_fails_says_how(tmp_path):
    (tmp_path / "my_tasks_b.py").write_text("1 / 0\n")
    (tmp_path / "my_tasks_c.py").write_text("import surely_not_installed\n")

    with pytest.raises(CannotLoadTasksError, match="ZeroDivisionError"):
        load(str(tmp_path / "my_tasks_b.py"))
    with pytest.raises(CannotLoadTasksError, match="surely_not_installed"):
        load(str(tmp_path / "my_tasks_c.py"))


def test_signals_refuse_impossible_durations():
    assert Snooze(3).seconds == 3.0
    assert Retry(delay_seconds=2).delay_seconds == 2.0
    with pytest.raises(ValueError, match="seconds"):
        Snooze(-1)
