"""A short slice of `make chaos-cluster`: operators, the api and workers are killed under a load of TaskJobs, workers
roll, objects are deleted in every phase; the judge stays outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from kube_cluster import Cluster

RUN = Path(__file__).parents[2] / "chaos/cluster/run.py"
KILLS = {"operator": 3, "api": 1, "worker": 2}


def test_kills_in_a_cluster_lose_nothing_and_double_nothing(cluster: Cluster, images: tuple[str, str]) -> None:
    kills = [word for role, times in KILLS.items() for word in (f"--{role}-kills", str(times))]
    done = subprocess.run(
        [
            *(sys.executable, RUN, "--image", images[0], "--seed", "20261129", "--seconds", "30", "--rate", "5"),
            *(*kills, "--deletions", "1", "--absences", "1", "--rollouts", "1"),
            *("--thaws", "0", "--ooms", "0", "--api-server-restarts", "0", "--drains", "0", "--node-stops", "0"),
        ],
        env=cluster.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )

    assert 0 == done.returncode, done.stdout[-6000:] + done.stderr[-6000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert {f"{role}_kills": times for role, times in KILLS.items()}.items() <= figures.items()
    assert 80 < figures["objects"]
    assert 80 < figures["executions"]
    assert [0, 0, 0, 0] == [figures[name] for name in ("lost", "doubled", "unexplained", "broken")]
