"""What a person sees with kubectl."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kube_cluster import Cluster, CommandFailed
from kube_objects import Objects

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples/jobs"
pytestmark = pytest.mark.usefixtures("installed")

JOBS = """\
NAME           PHASE       REASON       QUEUE     TASK           ATTEMPT   AGE   PRIORITY   WORKER     PROGRESS   DURATION   MESSAGE
look-new       Submitted   NotYetSeen   default   media.resize             .
look-running   Running     Running      images    media.resize   2/5       .     10         worker-3   341/1000   2m13s      341 of 1000 done
"""  # noqa: E501 - as it is printed
QUEUES = """\
NAME       STATE     PENDING   RUNNING   WORKERS   OLDEST   AGE   DELAYED   FAILED   MODE     LASTSCALE
look-at    Active    607       48        6/7       9s       .     12        2        Manual   0 -> 7: 7 asked for
look-new   Pending                                          .                        Manual
"""
EXPLAINED = """
GROUP:      taskjob.dev
KIND:       TaskJob
VERSION:    v1alpha1

FIELD: retry <Object>


DESCRIPTION:
    How often it is tried, and how long it waits between attempts; each field
    left out is the queue's choice.

FIELDS:
  backoff	<Object>
    How long it waits between attempts.

  maxAttempts	<integer>
    Attempts of one run that may fail, time out or complete; 5 by default.

  maxLost	<integer>
    Worker deaths during one run that are forgiven; 3 by default.

  nonRetryable	<[]string>
    Names of exception types that make a failure final.
"""


def test_the_columns(cluster: Cluster, jobs: Objects, queues: Objects, group: str, namespace: str) -> None:
    jobs.create({"task": "media.resize"}, "look-new", labels={"look": "at"})
    running = jobs.create(
        {"task": "media.resize", "queue": "images", "priority": 10}, "look-running", labels={"look": "at"}
    )
    jobs.write_status(
        running,
        {
            "phase": "Running",
            "reason": "Running",
            "message": "341 of 1000 done",
            "attempt": "2/5",
            "worker": "worker-3",
            "progress": "341/1000",
            "duration": "2m13s",
        },
    )
    queues.create({}, "look-new", labels={"look": "at"})
    queue = queues.create({}, "look-at", labels={"look": "at"})
    queues.write_status(
        queue,
        {
            "state": "Active",
            "depth": 607,
            "running": 48,
            "workers": "6/7",
            "oldest": "9s",
            "delayed": 12,
            "failed": 2,
            "lastScale": {"message": "0 -> 7: 7 asked for"},
        },
    )

    def shown(plural: str) -> list[dict[str, str]]:
        return cells(cluster.kubectl("get", f"{plural}.{group}", "-n", namespace, "-l", "look=at", "-o", "wide"))

    assert cells(JOBS) == shown("trialjobs")
    assert cells(QUEUES) == shown("trialqueues")


def cells(table: str) -> list[dict[str, str]]:
    """Header → cell, of each row; an age is as good as another."""
    header, *rows = table.splitlines()
    starts = [(match.group(), match.start()) for match in re.finditer(r"\S+", header)]
    ends = [start for _, start in starts[1:]] + [None]
    parsed = [{name: row[start:end].strip() for (name, start), end in zip(starts, ends, strict=True)} for row in rows]
    return [row | {"AGE": "."} for row in parsed if row["AGE"]]


def test_the_short_names_and_the_category(cluster: Cluster) -> None:
    known = cluster.kubectl("api-resources", "--api-group=taskjob.dev", "--no-headers", "--categories=taskjob-all")

    assert [["taskjobs", "tj"], ["taskqueues", "tq"]] == [line.split()[:2] for line in known.splitlines()]


def test_explain(cluster: Cluster) -> None:
    assert EXPLAINED.split() == cluster.kubectl("explain", "taskjob.spec.retry").split()


@pytest.mark.parametrize(
    "path", ["taskjob", "taskjob.status", "tq.spec.worker.template.volumes", "tq.status.lastScale"]
)
def test_explain_says_something_of_every_field(cluster: Cluster, path: str) -> None:
    said = cluster.kubectl("explain", path)

    assert "DESCRIPTION:" in said
    fields = re.findall(r"^  (\w+)\t.*\n(.*)$", said, re.MULTILINE)
    assert fields
    assert [] == [name for name, text in fields if not text.strip() or "<no description>" in text]


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.name)
def test_the_examples_are_valid_as_they_are(cluster: Cluster, namespace: str, file: Path) -> None:
    documents = len(re.findall(r"^kind:", file.read_text(), re.MULTILINE))

    taken = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-n", namespace, "-f", str(file))

    assert documents == len(taken.splitlines())
    assert 0 < documents


def test_waiting_for_a_condition(cluster: Cluster, jobs: Objects, group: str, namespace: str) -> None:
    job = jobs.create({"task": "a"})
    name = f"trialjobs.{group}/{job['metadata']['name']}"
    done = {"type": "Completed", "status": "True", "observedGeneration": 1}
    waiting = ("wait", "--for=condition=Completed", name, "-n", namespace)

    with pytest.raises(CommandFailed):
        cluster.kubectl(*waiting, "--timeout=0s")
    jobs.write_status(job, {"phase": "Completed", "observedGeneration": 1, "conditions": [done]})
    assert "condition met" in cluster.kubectl(*waiting, "--timeout=30s")
