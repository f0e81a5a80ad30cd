"""The verbs on jobs and queues, and the commands around them."""

from __future__ import annotations

import json
import os
import pty
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from live_stack import LiveStack, eventually, live_api

from taskjob.model import Phase


def test_submit_prints_the_id_alone(run: Any, stack: LiveStack) -> None:
    ran = run("submit", "add", "a=1", "b=2", "--queue", "media", "-l", "who=me", "--priority", "4", "--key", "cli-1")

    job = stack.client.get(ran.out.strip())
    assert ran.err == ""
    assert (job.queue, job.labels, job.priority, job.idempotency_key) == ("media", {"who": "me"}, 4, "cli-1")


@pytest.mark.parametrize(
    ("arguments", "stdin", "payload"),
    [
        (("n=3", "t=true", "l=[1, 2]", "s=text", "o={"), "", {"n": 3, "t": True, "l": [1, 2], "s": "text", "o": "{"}),
        (("version:=1.10",), "", {"version": "1.10"}),
        (("--json", '{"a": 1}', "b=2"), "", {"a": 1, "b": 2}),
        (("--json", "-"), '{"from": "stdin"}', {"from": "stdin"}),
        (("--json", "@payload.json"), "", {"from": "file"}),
        ((), "", {}),
    ],
)
def test_payloads(
    run: Any, stack: LiveStack, tmp_path: Path, arguments: tuple[str, ...], stdin: str, payload: Any
) -> None:
    (tmp_path / "payload.json").write_text('{"from": "file"}')

    ran = run("submit", "add", *arguments, "--start-after", "1h", stdin=stdin)

    assert stack.client.get(ran.out.strip()).payload == payload


def test_submit_with_logs_shows_each_delivery(run: Any) -> None:
    ran = run("submit", "fail", "message=hm", "--logs", "--max-attempts", "2", "--timeout", "60s")

    assert ran.code == 1
    assert ran.out == "about to fail: hm\nabout to fail: hm\n"
    assert "── delivery 2 ──" in ran.err


def test_a_large_result_is_printed_whole(run: Any, stack: LiveStack) -> None:
    job = stack.finished("large", size=20_000)

    assert f"large: taskjob result {job.id}\n" in run("describe", "job", job.id).out
    assert json.loads(run("result", job.id).out) == "x" * 20_000


def test_there_is_no_result_before_the_end_nor_of_a_job_that_failed(run: Any, stack: LiveStack) -> None:
    failed = stack.finished("fail", message="no", fields={"retry": {"maxAttempts": 1}})
    later = stack.client.submit("add", {"a": 1, "b": 1}, start_after=timedelta(hours=1))

    early, never = run("result", later.id), run("result", failed.id)
    stack.client.cancel(later.id)

    assert (early.code, early.out, never.code, never.out) == (6, "", 1, "")
    assert f"next: taskjob wait {later.id}" in early.err
    assert "is a dead letter" in never.err


def test_logs_of_one_delivery_and_of_none(run: Any, stack: LiveStack) -> None:
    job = stack.finished("add", a=4, b=5)
    later = stack.client.submit("add", {"a": 1, "b": 1}, start_after=timedelta(hours=1))

    assert run("logs", job.id).out == "adding 4 and 5\n"
    assert run("logs", job.id, "--delivery", "1").out == "adding 4 and 5\n"
    assert run("logs", job.id, "-f").out == "adding 4 and 5\n"
    assert run("logs", later.id).err == "not started yet: no log\n"
    stack.client.cancel(later.id)


def test_cancel_waiting_and_running(run: Any, stack: LiveStack) -> None:
    waiting = stack.client.submit("add", {"a": 1, "b": 1}, start_after=timedelta(hours=1), name="cancel-waiting")
    running = stack.client.submit("nap", {"seconds": 600}, name="cancel-running")
    eventually(lambda: stack.client.get(running.id).started_at, "started")

    ran = run("cancel", "cancel-waiting", "cancel-running", "--wait", "--timeout", "60s")

    assert ran.code == 0, ran
    assert ran.out.splitlines() == [
        "taskjob/cancel-waiting cancelled",
        "taskjob/cancel-running cancelling",
        "taskjob/cancel-waiting cancelled",
        "taskjob/cancel-running cancelled",
    ]
    assert stack.client.get(waiting.id).phase is Phase.CANCELLED


def test_a_finished_job_refuses_its_cancel_and_the_next_is_cancelled_all_the_same(run: Any, stack: LiveStack) -> None:
    job = stack.finished("add", a=1, b=1)
    waiting = stack.client.submit("add", {"a": 1, "b": 1}, start_after=timedelta(hours=1))

    ran = run("cancel", job.id, waiting.id)

    assert (ran.code, ran.out) == (6, f"taskjob/{waiting.id} cancelled\n")
    assert "a job that is completed cannot be cancelled" in ran.err
    assert stack.client.get(job.id).phase is Phase.COMPLETED


def test_rerun_waits_and_tells(run: Any, stack: LiveStack) -> None:
    stack.finished("add", a=1, b=1, fields={"name": "rerun-me"})

    ran = run("rerun", "rerun-me", "--wait", "--timeout", "60s")

    assert (ran.code, ran.out) == (0, "taskjob/rerun-me run 1 started\n")
    assert "1 job: 1 Completed" in ran.err


def test_wait_for_each_condition(run: Any, stack: LiveStack) -> None:
    done = stack.finished("add", a=1, b=1)
    dead = stack.finished("fail", message="x", fields={"retry": {"maxAttempts": 1}})

    assert run("wait", done.id).out == f"taskjob/{done.id} condition met\n"
    assert run("wait", done.id, "--for=condition=Completed").code == 0
    assert run("wait", dead.id, "--for", "failed").code == 0
    assert run("wait", done.id, dead.id, "--for", "finished").code == 0
    assert run("wait", done.id, dead.id).code == 1
    assert run("wait", done.id, "--for=cancelled").code == 1


def test_dlq_list_rerun_purge(run: Any, stack: LiveStack) -> None:
    stack.client.put_queue("graves", {})
    fields = {"retry": {"maxAttempts": 1}, "queue": "graves", "labels": {"lot": "1"}}
    stack.client.pause("graves")
    named = stack.client.submit({"task": "nobody_knows", "name": "undead", **fields})
    stack.client.cancel(named.id)
    stack.client.resume("graves")
    dead = [
        stack.finished("fail", message=f"m{n}", fields={"retry": {"maxAttempts": 1}, "labels": {"lot": "2"}})
        for n in range(3)
    ]

    listed = run("dlq", "list", "-l", "lot=2").out
    assert listed.splitlines()[0].split() == ["JOB", "TASK", "QUEUE", "REASON", "ATTEMPTS", "DIED", "ERROR"]
    assert listed.count("AttemptsExhausted") == 3
    assert "ValueError: m0" in listed
    assert run("dlq", "list", "-l", "lot=none").err == "no dead letters\n"
    assert run("dlq", "rerun", "undead").code == 6
    assert run("dlq", "rerun", dead[0].id).out == f"taskjob/{dead[0].id} run 1 started\n"
    stack.client.wait(dead[0].id, timeout_seconds=60)
    assert run("dlq", "rerun", "-l", "lot=2", stdin="n\n").code == 130
    assert run("dlq", "rerun", "-l", "lot=2", "-y").out == "3 run again\n"
    for job in dead:
        stack.client.wait(job.id, timeout_seconds=60)
    assert run("dlq", "purge", "-l", "lot=2", "-y").out == "3 deleted\n"
    assert run("get", "job", dead[0].id).code == 3
    assert run("dlq", "purge", "-l", "lot=2", "-y").err == "no dead letters match\n"


def test_pause_and_resume(run: Any, stack: LiveStack) -> None:
    stack.client.put_queue("quiet", {})

    assert run("pause", "quiet", "--reason", "night", "--until", "1h").out == "taskqueue/quiet paused\n"
    queue = stack.client.queue("quiet")
    assert (queue.state, queue.paused_reason) == ("Paused", "night")
    assert queue.paused_until is not None
    assert run("resume", "taskqueue/quiet").out == "taskqueue/quiet resumed\n"
    assert run("pause", "no-such-queue").code == 3
    stack.client.put_queue("quiet", {"paused": True})
    assert "stays paused by its document" in run("resume", "quiet").err


def test_get_queues_and_workers(run: Any, stack: LiveStack) -> None:
    stack.finished("add", a=1, b=1)
    header, *rows = run("get", "queues").out.splitlines()
    assert header.split() == ["QUEUE", "STATE", "WAITING", "READY", "LEASED", "COMPLETED", "DEAD", "AGE"]
    assert any(row.split()[:2] == ["default", "Active"] for row in rows)
    assert run("get", "queue", "default", "-o", "name").out == "taskqueue/default\n"
    assert "kind: TaskQueue" in run("get", "queue", "default", "-o", "yaml").out
    assert "PER-KEY" in run("get", "tq", "default", "-o", "wide").out
    assert "steady" in run("get", "workers", "--no-headers").out
    assert "SESSION" in run("get", "workers", "-o", "wide").out
    assert run("get", "worker", "steady", "-o", "name").out == "worker/steady\n"
    assert json.loads(run("get", "workers", "-o", "json").out)[0]["name"] == "steady"
    assert "name: steady" in run("get", "worker", "steady", "-o", "yaml").out


def test_a_list_that_is_cut_says_so(run: Any, stack: LiveStack) -> None:
    for _ in range(3):
        stack.client.submit("add", {"a": 1, "b": 1})

    ran = run("get", "jobs", "--limit", "2")

    assert len(ran.out.splitlines()) == 3
    assert ran.err == "the newest 2 are shown; more with --limit\n"


def test_stats_add_up(run: Any, stack: LiveStack) -> None:
    stack.finished("add", a=1, b=1)

    header, *rows = run("stats").out.splitlines()
    assert header.split()[-1] == "ACCEPTED"
    assert {row.split()[0] for row in rows} >= {"default", "(all)"}
    for row in rows:
        *counts, accepted = (int(cell) for cell in row.split()[1:])
        assert sum(counts) == accepted
    assert json.loads(run("stats", "-o", "json").out)["conserved"] is True


def test_token_create_list_revoke(run: Any, tmp_path: Path) -> None:
    file = str(tmp_path / "tokens.json")
    made = run("token", "create", "--file", file, "--scope", "submit", "--name", "ci", "--expires-in", "90d")
    assert made.code == 0, made
    token = made.out.strip()
    assert token.startswith("taskjob_")
    assert "keep the token now" in made.err
    assert token not in (tmp_path / "tokens.json").read_text()

    listed = run("token", "list", "--file", file).out.splitlines()
    assert listed[0].split() == ["ID", "NAME", "SCOPES", "NAMESPACES", "QUEUES", "EXPIRES"]
    token_id = listed[1].split()[0]
    assert token_id in made.err
    assert run("token", "revoke", "--file", file, token_id).out == f"token {token_id} revoked\n"
    assert run("token", "revoke", "--file", file, token_id).code == 3
    assert run("token", "create", "--file", file).code == 2


def test_version_tells_client_and_server(run: Any) -> None:
    lines = run("version").out.splitlines()
    assert lines[0].split() == ["client", run("--version").out.split()[1]]
    assert ": ready; store memory, " in lines[1]
    gone = run("version", "--server", "http://127.0.0.1:1")
    assert gone.code == 0
    assert "no answer" in gone.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(run: Any, shell: str) -> None:
    assert "_TASKJOB_COMPLETE" in run("completion", shell).out


def test_completion_completes(taskjob: Any) -> None:
    done = taskjob("", _TASKJOB_COMPLETE="bash_complete", COMP_WORDS="taskjob de", COMP_CWORD="1")

    assert done.stdout.split() == ["plain,dev", "plain,describe"]


def test_colour_only_on_a_terminal(stack: LiveStack, tmp_path: Path) -> None:
    stack.finished("add", a=1, b=1, fields={"name": "colourful"})
    arguments = ("get", "job", "colourful", "--server", stack.url)

    assert "\x1b[32mCompleted" in _on_a_terminal(arguments, TERM="xterm")
    assert "\x1b" not in _on_a_terminal(arguments, TERM="xterm", NO_COLOR="1")
    assert "\x1b" not in _on_a_terminal(arguments, TERM="dumb")


def test_a_terminal_sees_a_bar_and_a_pipe_does_not(run: Any, stack: LiveStack) -> None:
    seen = _on_a_terminal(("submit", "nap", "seconds=0.5", "--wait", "--server", stack.url), TERM="xterm")
    piped = run("submit", "nap", "seconds=0.5", "--wait")

    assert "waiting" in seen
    assert "1/1" in seen or "0/1" in seen
    assert '"rested"' in seen
    assert piped.out == '"rested"\n'
    assert "waiting" not in piped.err


def test_a_long_wait_is_told_line_by_line(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskjob.cli.progress.PLAIN_SECONDS", 0.2)

    ran = run("submit", "add", "a=1", "b=1", "--start-after", "1h", "--wait", "--timeout", "1s")

    assert ran.code == 4
    assert ran.err.count("0/1 jobs finished\n") >= 2


def test_no_connected_worker_is_said(taskjob: Any, tmp_path: Path) -> None:
    with live_api(tmp_path) as (url, _):
        done = taskjob("submit", "add", "--server", url)

    assert done.returncode == 0
    assert len(done.stdout.strip()) == 32
    assert "warning: no worker is connected: the job waits for one. Start it with: taskjob worker" in done.stderr


def test_a_queue_that_nobody_serves_is_said(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskjob.cli.workers_known._PATIENCE_SECONDS", 0.1)

    said = run("submit", "add", "--queue", "unserved").err

    assert "warning: no connected worker serves 'add' in the queue 'unserved': the job waits for one" in said


def _on_a_terminal(arguments: tuple[str, ...], **variables: str) -> str:
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.pop("NO_COLOR", None)
        os.execve(sys.executable, [sys.executable, "-m", "taskjob.cli", *arguments], {**os.environ, **variables})
    said = b""
    try:
        while piece := os.read(terminal, 4096):
            said += piece
    except OSError:
        pass  # Linux ends a terminal with EIO
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said
    return said.decode()
