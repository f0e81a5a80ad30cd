"""What keeps workers from running, as read from a Deployment and its pods. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from taskjob_operator.kube.errors import KubeError

MAX_MESSAGE = 400

_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CRASH = frozenset({"CrashLoopBackOff", "RunContainerError", "StartError", "PostStartHookError"})
_CONFIG = frozenset({"CreateContainerConfigError", "CreateContainerError"})

_UNTYPED = "failed to create typed patch object"
"""Server-side apply answers 500 to a value of the wrong type."""


_DENIED = ("denied the request", "denied request: ")
"""An admission webhook's refusal, and that of a ValidatingAdmissionPolicy: rules of the cluster, no missing right."""

_WEBHOOK = "failed calling webhook"


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """`condition` is the type of the status condition; `final` means that only a person can mend it."""

    reason: str
    message: str
    condition: str = "WorkersFailing"
    final: bool = False

    @property
    def shown(self) -> str:
        return self.message if len(self.message) <= MAX_MESSAGE else self.message[: MAX_MESSAGE - 1] + "…"


def of_refusal(error: KubeError, namespace: str) -> Trouble | None:
    """What the API server's refusal of a worker object means; None: nothing that stands, try again."""
    if error.status == 403 and "exceeded quota" in error.message:
        return Trouble(reason="QuotaExceeded", message=error.message)
    if error.status in {400, 403, 422} and any(said in error.message for said in _DENIED):
        return Trouble(reason="AdmissionDenied", message=error.message, final=True)
    if error.status == 403:
        return Trouble(
            condition="WorkersForbidden",
            reason="WorkersForbidden",
            message=f"the operator may not run workers in {namespace}: add it to the chart's workerNamespaces"
            f" ({error.message})",
            final=True,
        )
    if error.status in {400, 422} or (error.status == 500 and _UNTYPED in error.message):
        return Trouble(reason="InvalidTemplate", message=error.message, final=True)
    if error.status == 500 and _WEBHOOK in error.message:  # it may stay so for days, and only a person mends it
        return Trouble(reason="WebhookFailed", message=error.message)
    return None


def of_deployment(deployment: Mapping[str, Any]) -> Trouble | None:
    """Pods that could not even be created."""
    for condition in deployment.get("status", {}).get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            message = condition.get("message") or ""
            reason = "QuotaExceeded" if "exceeded quota" in message else condition.get("reason") or "FailedCreate"
            return Trouble(reason=reason, message=message)
    return None


def of_pods(pods: Iterable[Mapping[str, Any]]) -> Trouble | None:
    """The first that a person should mend, counted over the pods that share it."""
    found: list[tuple[int, Trouble]] = [trouble for pod in pods if (trouble := _of_pod(pod)) is not None]
    if not found:
        return None
    rank, worst = min(found, key=lambda each: each[0])
    number = sum(each == rank for each, _ in found)
    if number > 1:
        return msgspec.structs.replace(worst, message=f"{worst.message} (and {number - 1} more pods)")
    return worst


def _of_pod(pod: Mapping[str, Any]) -> tuple[int, Trouble] | None:
    status = pod.get("status", {})
    if pod.get("metadata", {}).get("deletionTimestamp"):
        return None
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason")
        text = waiting.get("message") or ""
        if reason in _PULL:
            named = (
                f"{container.get('image', 'the image')}: {text}" if text else f"cannot pull {container.get('image')}"
            )
            return 0, Trouble(reason="ImagePullBackOff", message=named, final=True)
        if reason in _CONFIG:
            return 1, Trouble(reason=reason, message=text, final=True)
        if reason in _CRASH:
            return 2, Trouble(reason="CrashLoopBackOff", message=_crash(container, text), final=True)
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return 3, Trouble(reason="Unschedulable", message=condition.get("message") or "no node fits")
    return None


def _crash(container: Mapping[str, Any], waiting: str) -> str:
    """How the worker ended, and what `taskjob worker` said of it. Other lines of its log stay in the log: they may
    hold what a reader of the TaskQueue must not see."""
    ended = (container.get("lastState") or {}).get("terminated")
    if ended is None:
        return waiting
    text = f"the worker ended with status {ended.get('exitCode')}"
    if ended.get("reason") not in {None, "Error", "Completed"}:
        text += f" ({ended['reason']})"
    said = [line for line in (ended.get("message") or "").splitlines() if line.startswith("error: ")]
    return f"{text}: {said[-1].removeprefix('error: ')}" if said else text
