"""What a worker pod's object proves: that a process which held leases is gone. Pure.

A fact shortens recovery, so a wrong one would run a job beside its first run. What is only likely (a node that does
not answer, a pod that is asked to go) says nothing here; the engine's own expiry covers it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from taskjob_operator.resources.names import CONTAINER

Reason = Literal["OOMKilled", "Evicted", "NodeLost", "PodDeleted", "PodFailed"]

MAX_MESSAGE = 300
_LOST = frozenset({"DeletionByPodGC", "DeletionByTaintManager", "NodeLost"})


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """The worker process of a pod is gone. `before` (RFC 3339): only one that connected before that moment, for the
    pod goes on with another; None: the pod itself is over. `certain` False: the pod was deleted without waiting for
    its node, which kills it presently; a connection that breaks as well makes it certain."""

    namespace: str
    name: str
    uid: str
    reason: Reason
    message: str = ""
    before: str | None = None
    certain: bool = True


def fact_of(pod: Mapping[str, Any], *, gone: bool) -> Fact | None:
    """What this state of the object proves; `gone`: the object is no longer there, and this was its last state."""
    status = pod.get("status") or {}
    over = status.get("phase") in {"Failed", "Succeeded"} and not any(_runs(each) for each in _containers(status))
    if over:
        return _fact(pod, _reason_of_end(status, "PodFailed"), _ending(status))
    if gone:
        all_ended = not any(_runs(each) for each in _containers(status))
        waited = (pod["metadata"].get("deletionGracePeriodSeconds") or 0) > 0
        reason = _reason_of_end(status, "PodDeleted")
        node_gone = "DeletionByPodGC" in _disruptions(status)
        return _fact(pod, reason, _ending(status), certain=all_ended or waited or node_gone)
    return _restarted(pod, status)


def _restarted(pod: Mapping[str, Any], status: Mapping[str, Any]) -> Fact | None:
    """The container ended, and the pod stays for the next one."""
    for container in _containers(status):
        if container.get("name") != CONTAINER:
            continue
        state = container.get("state") or {}
        ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
        if not ended or not ended.get("finishedAt"):
            return (
                None  # a kubelet that lost sight of a container does not know when it ended, nor which process it was
            )
        reason: Reason = "OOMKilled" if ended.get("reason") == "OOMKilled" else "PodFailed"
        return _fact(pod, reason, _how(ended), before=ended["finishedAt"])
    return None


def _reason_of_end(status: Mapping[str, Any], otherwise: Reason) -> Reason:
    named = {status.get("reason")} | _disruptions(status)
    if named & _LOST:
        return "NodeLost"
    if status.get("reason") == "Evicted" or "TerminationByKubelet" in named:
        return "Evicted"
    if any(ended.get("reason") == "OOMKilled" for ended in _endings(status)):
        return "OOMKilled"
    return otherwise


def _disruptions(status: Mapping[str, Any]) -> set[str | None]:
    return {
        each.get("reason")
        for each in status.get("conditions") or ()
        if each.get("type") == "DisruptionTarget" and each.get("status") == "True"
    }


def _ending(status: Mapping[str, Any]) -> str:
    return status.get("message") or next((_how(ended) for ended in _endings(status)), "")


def _how(ended: Mapping[str, Any]) -> str:
    if ended.get("signal"):
        return f"the worker was ended by signal {ended['signal']}"
    return f"the worker ended with status {ended.get('exitCode')}"


def _endings(status: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for container in _containers(status):
        ended = (container.get("state") or {}).get("terminated")
        if ended:
            yield ended


def _containers(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(status.get("containerStatuses") or ())


def _runs(container: Mapping[str, Any]) -> bool:
    return "running" in (container.get("state") or {})


def _fact(
    pod: Mapping[str, Any], reason: Reason, message: str, *, before: str | None = None, certain: bool = True
) -> Fact:
    metadata = pod["metadata"]
    return Fact(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        reason=reason,
        message=message[:MAX_MESSAGE],
        before=before,
        certain=certain,
    )
