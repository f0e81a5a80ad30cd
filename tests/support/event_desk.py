"""Events posted to a scripted API server, by a poster whose clock a test moves."""

from __future__ import annotations

from running_parts import SteadyClock
from scripted_cluster import ScriptedCluster

from taskjob_operator.events.event import Event, Subject
from taskjob_operator.events.poster import Poster
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.metrics import Metrics

NS = "media"


class EventDesk:
    def __init__(self, cluster: ScriptedCluster, kube: KubeClient) -> None:
        self.cluster = cluster
        self.clock = SteadyClock()
        self.metrics = Metrics()
        self.poster = Poster(kube, self.metrics, instance="operator-7f", clock=self.clock)

    def count(self, outcome: str) -> float:
        """Events with this outcome."""
        found = self.metrics.registry.get_sample_value("taskjob_operator_events_total", {"outcome": outcome})
        return found or 0.0

    def notes(self) -> list[str]:
        return [one["note"] for one in self.cluster.events()]


def event(
    name: str = "cats", queue: str = "images", note: str = "no disk", kind: str = "TaskJob", namespace: str = NS
) -> Event:
    return Event(
        subject=Subject(kind=kind, namespace=namespace, name=name, uid=f"uid-{name}", queue=queue),
        warning=True,
        reason="AttemptsExhausted",
        action="DeadLetter",
        note=note,
        happening=("DeadLetter", "0"),
    )
