"""`make cluster-down` leaves a machine as `make cluster-up` found it, whenever that was killed: the lists of processes,
links, namespaces, mounts, rules, cgroups and kernel settings before and after are the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SET_UP = HERE.parents[1] / "hack/kind"
OWN_MACHINE = HERE.parent / "support/own_machine.sh"

ONE_NODE = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n  - role: control-plane\n"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short, since paths of sockets have a limit; kept between the tests, since it holds the engine's images."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can start an engine")
    subprocess.run(
        [sys.executable, SET_UP, "prepare"], check=True, timeout=1800
    )  # from outside; there is no outside there
    path = Path(tempfile.mkdtemp(prefix="tj-"))
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize("moment", ["never", "engine", "nodes", "nodes-and-engine"])
def test_nothing_is_left_of_a_set_up_that_was_killed(folder: Path, moment: str) -> None:
    (folder / "one-node.yaml").write_text(ONE_NODE)
    environment = {name: value for name, value in os.environ.items() if name not in {"DOCKER_HOST", "KUBECONFIG"}}
    environment |= {
        "TASKJOB_CLUSTER": "footprint",
        "TASKJOB_KIND_CONFIG": str(folder / "one-node.yaml"),
        "TASKJOB_KIND_STATE": str(folder / "state/one"),
        "TASKJOB_KIND_DATA": str(folder / "data"),
    }

    done = subprocess.run(
        [OWN_MACHINE, sys.executable, HERE / "up_and_down.py", moment],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert {} == seen["left"], done.stderr
    assert (moment != "never", 0 if moment == "never" else -9) == (seen["interrupted"], seen["code"]), done.stderr
    assert not (folder / "state/one").exists()
