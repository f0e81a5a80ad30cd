"""The examples are valid, fresh, and do what they say."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from taskjob.model import AttemptOutcome
from taskjob.spec.documents import read_document
from taskjob.spec.taskjob import TaskJob
from taskjob.spec.yaml_reader import read_yaml
from taskjob.testing import run_task

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
JOBS = sorted((EXAMPLES / "jobs").glob("*.yaml"))


@pytest.fixture
def thumbnails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The demo's tasks, with folders of this test as theirs."""
    spec = importlib.util.spec_from_file_location("thumbnail_tasks", EXAMPLES / "thumbnails/tasks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "thumbnail_tasks", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "INPUT", tmp_path / "pictures")
    monkeypatch.setattr(module, "OUTPUT", tmp_path / "thumbnails")
    (tmp_path / "pictures/photographs").mkdir(parents=True)
    return module


def test_a_thumbnail_has_the_asked_width_and_nothing_else_is_left_behind(
    thumbnails: ModuleType, tmp_path: Path
) -> None:
    Image.new("RGB", (400, 200), "teal").save(tmp_path / "pictures/photographs/sea.png")

    run = run_task(thumbnails.thumbnail, {"bucket": "photographs", "picture": "sea.png", "width": 100})

    assert AttemptOutcome.COMPLETED is run.outcome, run.error
    assert ["sea-100.jpg"] == [path.name for path in (tmp_path / "thumbnails/photographs").iterdir()]
    with Image.open(tmp_path / "thumbnails/photographs/sea-100.jpg") as made:
        assert (100, 50) == made.size


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n but no more"])
def test_a_broken_picture_fails_as_a_thumbnail_and_may_be_retried(
    thumbnails: ModuleType, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "pictures/photographs/broken.png").write_bytes(content)

    run = run_task(thumbnails.thumbnail, {"bucket": "photographs", "picture": "broken.png", "width": 100})

    assert (AttemptOutcome.FAILED, True) == (run.outcome, run.retryable)
    assert run.error is not None
    assert "UnidentifiedImageError" == run.error.type
    assert [] == list((tmp_path / "thumbnails/photographs").iterdir())


@pytest.mark.parametrize("picture", ["../../secret.png", "/etc/hostname"])
def test_a_thumbnail_is_never_read_from_outside_of_the_input_folder(
    thumbnails: ModuleType, tmp_path: Path, picture: str
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")

    run = run_task(thumbnails.thumbnail, {"bucket": "photographs", "picture": picture, "width": 2})

    assert AttemptOutcome.FAILED is run.outcome
    assert run.error is not None
    assert "is outside of" in run.error.message
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
