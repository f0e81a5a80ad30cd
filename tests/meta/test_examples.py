"""The examples are valid, fresh, and do what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from taskjob.spec.documents import read_document
from taskjob.spec.taskjob import TaskJob
from taskjob.spec.yaml_reader import read_yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
JOBS = sorted((EXAMPLES / "jobs").glob("*.yaml"))

RUN = """
import json, sys
from taskjob.testing import run_task
import tasks
print(json.dumps(run_task(tasks.thumbnail, json.loads(sys.argv[1]))))
"""


def make_thumbnail(folder: Path, **payload: object) -> subprocess.CompletedProcess[str]:
    """Run the task as a user's own test would, with its folders set as the demo sets them."""
    (folder / "pictures/photographs").mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "THUMBNAILS_INPUT": str(folder / "pictures"),
        "THUMBNAILS_OUTPUT": str(folder / "thumbnails"),
        "PYTHONPATH": str(EXAMPLES / "thumbnails"),
    }
    return subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(payload)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_thumbnail_has_the_asked_width_and_nothing_else_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "pictures/photographs").mkdir(parents=True)
    Image.new("RGB", (400, 200), "teal").save(tmp_path / "pictures/photographs/sea.png")

    done = make_thumbnail(tmp_path, bucket="photographs", picture="sea.png", width=100)

    assert 0 == done.returncode, done.stderr
    assert ["sea-100.jpg"] == [path.name for path in (tmp_path / "thumbnails/photographs").iterdir()]
    with Image.open(tmp_path / "thumbnails/photographs/sea-100.jpg") as made:
        assert (100, 50) == made.size


@pytest.mark.parametrize("picture", ["../../secret.png", "/etc/hostname"])
def test_a_thumbnail_is_never_read_from_outside_of_the_input_folder(tmp_path: Path, picture: str) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")

    done = make_thumbnail(tmp_path, bucket="photographs", picture=picture, width=2)

    assert 0 != done.returncode
    assert "is outside of" in done.stderr
    assert not (tmp_path / "thumbnails").exists()


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_the_jobs_are_valid_documents(path: Path) -> None:
    documents = [read_document(document.value) for document in read_yaml(path.read_text())]

    assert documents
    assert [] == [d.metadata.name for d in documents if isinstance(d, TaskJob) and d.spec.task != "thumbnail"]


def test_the_jobs_make_the_three_hundred_of_the_demo() -> None:
    jobs = [
        document
        for path in JOBS
        for document in map(read_document, (raw.value for raw in read_yaml(path.read_text())))
        if isinstance(document, TaskJob)
    ]
    names = {job.metadata.name for job in jobs}

    assert 300 <= len(jobs)
    assert len(jobs) == len(names)


def test_the_committed_jobs_are_what_the_program_writes(tmp_path: Path) -> None:
    """Run `make generate` after a change of pictures or widths."""
    subprocess.run([sys.executable, str(EXAMPLES / "thumbnails/jobs.py"), str(tmp_path)], check=True, timeout=60)

    written = {path.name: path.read_text() for path in tmp_path.iterdir()}

    assert {"photographs.yaml", "broken.yaml"} == written.keys()
    assert written == {name: (EXAMPLES / "jobs" / name).read_text() for name in written}


def run_simple_task(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *flags, str(EXAMPLES / "simple_task.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_simple_task_runs_api_worker_and_job() -> None:
    done = run_simple_task()

    assert 0 == done.returncode, done.stderr
    assert "{'merrier': 1, 'more': 1, 'the': 2}" in done.stdout


def test_simple_task_names_the_extra_that_it_needs() -> None:
    """Without site-packages nothing of ours is installed."""
    done = run_simple_task("-I", "-S")

    assert 0 != done.returncode
    assert "pip install 'taskjob[dev]'" in done.stderr
