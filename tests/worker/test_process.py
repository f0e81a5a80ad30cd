"""The worker as a process: what it imports, weighs, tells, and refuses at start."""

import contextlib
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from taskjob.cli.dev.ports import free_port

FORBIDDEN = {"fastapi", "starlette", "boto3", "kopf", "kubernetes", "pydantic", "click", "rich", "httpx2", "uvicorn"}

LISTING = """
import re, sys
from taskjob import task
@task
def modules() -> list[str]:
    return sorted({name.partition(".")[0] for name in sys.modules})
"""


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read().decode()


@pytest.fixture
def listing(tmp_path) -> Path:
    path = tmp_path / "listing_tasks.py"
    path.write_text(LISTING)
    return path


def test_a_worker_imports_little_even_after_a_hundred_jobs(api, start_worker, queue, listing):
    start_worker(api.gateway, module=listing, queues=(queue,))
    for _ in range(100):
        last = api.submit("modules", queue=queue)

    imported = set(api.client.wait(last).result)

    assert imported & FORBIDDEN == set()
    assert "taskjob_engine" not in imported


def test_an_idle_worker_is_small(api, start_worker, queue, listing, eventually):
    worker = start_worker(api.gateway, module=listing, queues=(queue,), metrics_port=(port := free_port()))
    assert "taskjob_worker_connected 1.0" in get(f"http://127.0.0.1:{port}/metrics")

    total = sum(pss_of(pid) for pid in (worker.process.pid, worker.inner_pid))

    assert total < 40 * 1024, f"{total} KiB"


def pss_of(pid: int) -> int:
    found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_metrics_and_health_are_served(api, start_worker, queue):
    port = free_port()
    start_worker(api.gateway, queues=(queue,), metrics_port=port)
    api.client.wait(api.submit("echo", {"value": 1}, queue=queue))

    text = get(f"http://127.0.0.1:{port}/metrics")

    assert 'taskjob_worker_jobs_processed_total{outcome="completed",task="echo"} 1.0' in text
    assert 'taskjob_worker_job_duration_seconds_count{task="echo"} 1.0' in text
    assert "taskjob_worker_active_jobs 0.0" in text
    assert get(f"http://127.0.0.1:{port}/healthz") == "ok\n"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(f"http://127.0.0.1:{port}/secrets")


def test_a_worker_without_its_server_is_not_healthy(start_api, start_worker, eventually):
    api = start_api()
    port = free_port()
    start_worker(api.gateway, metrics_port=port)
    api.process.kill()

    def refused() -> bool:
        try:
            get(f"http://127.0.0.1:{port}/healthz")
        except urllib.error.HTTPError as error:
            return error.code == 503
        return False

    eventually(refused)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("", "no tasks"),
        ("from taskjob import task\n@task\ndef odd(a, /): ...", "passable by keyword"),
        ("from taskjob import task\n@task\ndef one(): ...\n@task(name='one')\ndef two(): ...", "defined at"),
    ],
)
def test_tasks_that_cannot_be_used_are_refused_in_words(tmp_path, worker_class, eventually, source, text):
    module = tmp_path / "odd_tasks.py"
    module.write_text(source)
    worker = worker_class(tmp_path, "tcp://127.0.0.1:1", module=module)

    try:
        assert worker.wait() == 2
        assert worker.log.startswith("error: ")
        assert text in worker.log
        assert worker.log.splitlines()[-1].startswith("next: ")
    finally:
        worker.stop()


def test_a_module_that_fails_shows_its_own_frames_and_no_others(tmp_path, worker_class):
    module = tmp_path / "odd_tasks.py"
    module.write_text("def inner():\n    return {}['missing']\n\ninner()\n")
    worker = worker_class(tmp_path, "tcp://127.0.0.1:1", module=module)

    try:
        assert worker.wait() == 2
        assert re.findall(r'File "(.*)", line (\d+)', worker.log) == [(str(module), "4"), (str(module), "2")]
        assert "KeyError: 'missing'" in worker.log
    finally:
        worker.stop()


def test_a_missing_file_is_a_fault_of_the_command_line(tmp_path, worker_class):
    worker = worker_class(tmp_path, "tcp://127.0.0.1:1", module=tmp_path / "nowhere.py")

    try:
        assert worker.wait() == 2
        assert re.fullmatch(r"error: no file '.*nowhere.py'\nnext: name a file .*\n", worker.log)
    finally:
        worker.stop()


def test_a_failed_attempt_is_one_line_of_the_workers_log(api, start_worker, queue, eventually):
    worker = start_worker(api.gateway, queues=(queue,))
    job = api.submit("fail", {"message": "no\nluck"}, queue=queue, retry={"maxAttempts": 2})
    api.reaches(job, "dead_letter")

    def lines() -> list[str]:
        return re.findall(rf"WARNING taskjob.worker: job {job}: (.*)", worker.log)

    eventually(lambda: len(lines()) == 2, worker.log)
    assert lines() == [
        "fail failed on attempt 1/2: ValueError: no luck",
        "fail failed on attempt 2/2: ValueError: no luck; that was the last attempt",
    ]


def test_a_server_that_stops_in_peace_is_no_broken_connection(start_api, start_worker, eventually):
    api = start_api()
    worker = start_worker(api.gateway)

    api.process.terminate()
    api.process.wait(60)

    eventually(lambda: "asks to connect again later" in worker.log, worker.log)
    assert "closed the connection" not in worker.log


def test_a_second_worker_on_a_machine_goes_on_without_metrics(api, start_worker, queue, eventually):
    with contextlib.closing(socket.socket()) as taken:
        eventually(lambda: takes(taken, 9091), "the port, which other tests beside may hold for a while")
        worker = start_worker(api.gateway, queues=(queue,), metrics_port=None)

        assert "no /metrics and /healthz: 127.0.0.1:9091 is taken" in worker.log
        assert api.client.wait(api.submit("echo", {"value": 1}, queue=queue)).result == 1


def takes(server: socket.socket, port: int) -> bool:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(("127.0.0.1", port))
    except OSError:
        return False
    server.listen()
    return True


def test_a_taken_metrics_port_that_was_chosen_is_refused(tmp_path, worker_class, api):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        worker = worker_class(tmp_path, api.gateway, metrics_port=taken.getsockname()[1])
        try:
            assert worker.wait() == 2
            assert "--metrics-port" in worker.log
        finally:
            worker.stop()


def test_a_token_that_is_refused_is_tried_again_with_the_file_read_anew(tmp_path, worker_class, eventually):
    """Tokens rotate; a worker outlives them."""
    token_file = tmp_path / "token"
    token_file.write_text("first\n")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(60)
        port = server.getsockname()[1]
        worker = worker_class(tmp_path, f"tcp://127.0.0.1:{port}", token_file=str(token_file))
        try:
            seen = []
            for token in ("first", "second"):
                token_file.write_text(token)
                connection, _ = server.accept()
                with connection, connection.makefile("rwb") as stream:
                    hello = stream.readline()
                    seen.append(re.search(rb'"token":"(\w+)"', hello)[1].decode())
                    token_file.write_text("second")
                    stream.write(b'{"type":"error","code":"Unauthenticated","detail":"no","fatal":true}\n')
            assert seen == ["first", "second"]
        finally:
            worker.stop()
