"""A SIGTERM that comes while a process of ours still starts is obeyed, not lost, and no kill either."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
"""


@pytest.mark.parametrize("component", ["api", "operator"])
def test_a_stop_during_the_start_is_not_lost(component: str, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    options = {
        "api": ["--open", "--store=memory://", "--port=0", "--gateway-port=0"],
        "operator": ["--api-url=http://127.0.0.1:9", "--kubeconfig=kubeconfig", "--namespace=x", "--port=0"],
    }
    command = [sys.executable, "-m", "taskjob.cli", component, *options[component]]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while not _held_back(process.pid):
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.001)
        process.terminate()
        _, said = process.communicate(timeout=60)

    assert 0 == process.returncode, said


def _held_back(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    blocked = next(line for line in status.splitlines() if line.startswith("SigBlk:")).split()[1]
    return bool(int(blocked, 16) & 1 << (signal.SIGTERM - 1))
