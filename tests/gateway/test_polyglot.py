"""`examples/polyglot/worker.sh`: a worker without any of our code runs jobs to the end."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import msgspec
import pytest

from taskjob.model import Phase

SCRIPT = Path(__file__).parents[2] / "examples" / "polyglot" / "worker.sh"


@pytest.fixture
def shell(house):
    missing = [tool for tool in ("sh", "curl", "sed") if shutil.which(tool) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"needs {', '.join(missing)}")

    async def run(*args):
        return await asyncio.create_subprocess_exec(
            "sh",
            str(SCRIPT),
            *args,
            env=os.environ
            | {
                "TASKJOB_GATEWAY": f"http://127.0.0.1:{house.http_port}",
                "TASKJOB_TOKEN": "secret",
                "TASKJOB_WAIT_SECONDS": "1",
            },
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

    return run


async def test_a_worker_in_shell_and_curl_runs_jobs_to_the_end(house, shell):
    jobs = [
        *await house.submit("text.count", payload=b'{"text":"one two three"}'),
        *await house.submit("text.count", payload=b'{"text":""}'),
    ]
    worker = await shell("2")
    _, told = await asyncio.wait_for(worker.communicate(), 60)
    assert (worker.returncode, told.decode().splitlines()[-1]) == (0, "bye"), told.decode()
    done = [await house.job(job) for job in jobs]
    assert [(job.phase, msgspec.json.decode(job.result)) for job in done] == [
        (Phase.COMPLETED, {"words": 3}),
        (Phase.COMPLETED, {"words": 0}),
    ]
    [info] = await house.engine.workers(None)
    assert (info.closed, info.carrier, info.held) == (True, "http", 0)


async def test_it_says_bye_when_told_to_stop(house, shell):
    worker = await shell()
    await asyncio.wait_for(worker.stderr.readline(), 60)
    os.killpg(worker.pid, signal.SIGTERM)
    _, told = await asyncio.wait_for(worker.communicate(), 60)
    assert (worker.returncode, told.decode().splitlines()[-1]) == (0, "bye"), told.decode()
    assert [info.closed for info in await house.engine.workers(None)] == [True]


async def test_its_refusal_is_told(house, shell):
    house.authenticator.refuse = True
    worker = await shell("1")
    _, told = await asyncio.wait_for(worker.communicate(), 60)
    assert worker.returncode != 0
    assert "Unauthenticated" in told.decode()
