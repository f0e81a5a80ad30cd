"""What the operations page tells people to type does what the page says."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

from taskjob.model import new_job_id
from taskjob_engine.store import JobRef, Submission
from taskjob_engine.stores.sqlite import SQLiteStore

PAGE = Path(__file__).parents[2] / "docs/operations.md"


async def test_the_documented_backup_of_a_running_store_holds_every_accepted_job(tmp_path: Path) -> None:
    command = re.search(r"```shell\n(.*VACUUM INTO.*)\n```", PAGE.read_text())
    assert command is not None
    (tmp_path / ".taskjob").mkdir()
    refs = [JobRef(namespace="default", id=new_job_id()) for _ in range(20)]
    running = SQLiteStore(tmp_path / ".taskjob/taskjob.db")
    await running.open()
    await running.submit(
        [Submission(id=ref.id, namespace=ref.namespace, queue="default", task="demo") for ref in refs],
        create_queues=True,
    )

    await asyncio.to_thread(subprocess.run, ["bash", "-c", command[1]], cwd=tmp_path, check=True, timeout=60)
    await running.close()

    restored = SQLiteStore(tmp_path / "backup.db")
    await restored.open()
    jobs = await restored.get(refs)
    await restored.close()
    assert [ref.id for ref in refs] == [job.id for job in jobs if job is not None]
