"""The YAML of examples/jobs, unchanged, ends in a cluster as it does in `taskjob dev`."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
import yaml
from helm_release import ROOT, Release

DEMO = ROOT / "examples/thumbnails/cluster_demo.py"
DEMO_SECONDS = 300


@pytest.fixture(scope="module")
def demo(release: Release, images: tuple[str, str]) -> str:
    """What `make cluster-demo` says once the cluster is up and the chart installed."""
    options = (f"--namespace={release.workers}", f"--workers-image={images[1]}", "--installed")
    done = subprocess.run(
        [sys.executable, str(DEMO), *options],
        env=release.cluster.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEMO_SECONDS,
    )
    assert 0 == done.returncode, done.stdout + done.stderr + release.state()
    return done.stdout


def test_every_job_of_the_examples_ends_as_it_does_on_a_laptop(release: Release, demo: str) -> None:
    wanted = {job["metadata"]["name"]: job["spec"] for job in _documents() if job["kind"] == "TaskJob"}

    found = {job["metadata"]["name"]: job for job in release.get("taskjobs")["items"]}

    ended = {name: found[name]["status"]["phase"] for name in wanted}
    broken = {name for name, spec in wanted.items() if spec["payload"]["bucket"] == "broken"}
    assert 300 < len(wanted)
    assert {"DeadLetter"} == {ended[name] for name in broken}
    assert {"Completed"} == {ended[name] for name in wanted.keys() - broken}
    assert {3} == {found[name]["status"]["attempts"] for name in broken}, "of the queue's jobDefaults"
    assert {"UnidentifiedImageError", "OSError"} >= {
        found[name]["status"]["lastError"].partition(":")[0] for name in broken
    }
    assert {0} == {found[name]["status"].get("lost", 0) for name in wanted}


def test_the_demo_says_how_it_ended(demo: str) -> None:
    broken = [
        job["metadata"]["name"] for job in _documents() if job["metadata"].get("labels", {}).get("bucket") == "broken"
    ]

    assert f"{len(broken)} dead letters, each after 3 attempts" in demo
    assert [] == [name for name in broken if name not in demo]


def test_the_queues_owner_and_the_pools_each_keep_their_part(release: Release, demo: str) -> None:
    """Two field managers of one TaskQueue; applying the examples again takes no worker away and runs no job again."""
    before = Counter(job["status"]["run"] for job in release.get("taskjobs", "-l", "bucket")["items"])

    release.apply_files(ROOT / "examples/jobs")

    spec = release.get("taskqueues", "thumbnails")["spec"]
    assert (2, 100_000, 3) == (
        spec["replicas"],
        spec["limits"]["maxLiveJobs"],
        spec["jobDefaults"]["retry"]["maxAttempts"],
    )
    assert before == Counter(job["status"]["run"] for job in release.get("taskjobs", "-l", "bucket")["items"])


def _documents() -> list[dict[str, Any]]:
    paths = sorted((ROOT / "examples/jobs").glob("*.yaml"))
    return [document for path in paths for document in yaml.safe_load_all(path.read_text()) if document]
