"""A real operator process on a scripted API server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from live_operator import LiveOperator, eventually, live_operator
from scripted_cluster import ScriptedCluster


@contextlib.contextmanager
def scripted_operator(cluster: ScriptedCluster, folder: Path, api: str, **settings: str) -> Iterator[LiveOperator]:
    """It leads and watches: what it sees from now on are events, and not what its first list shows."""
    with live_operator(folder, cluster.kubeconfig(folder), api, **{"LEASE_SECONDS": "30"} | settings) as running:
        running.wait_ready()
        eventually(lambda: cluster.watched("taskjobs") and cluster.watched("taskqueues"), "both watches")
        yield running
