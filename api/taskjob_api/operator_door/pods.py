"""`pods/ended`: the cluster knows that a worker is dead before its silence would tell."""

from __future__ import annotations

from taskjob.model import ErrorInfo
from taskjob.wire.operator_messages import EndedPod, EndPods, PodsEnded
from taskjob_api.gateway.doomed import Doomed
from taskjob_engine.engine import Engine
from taskjob_engine.store import PrincipalEnd


async def end_pods(engine: Engine, doomed: Doomed, request: EndPods) -> PodsEnded:
    """A pod whose end is not certain and that is connected is waited for: 0 sessions ended by this call."""
    ends = [_end(pod) for pod in request.pods]
    now = [pod.certain or not doomed.connected(end.principal) for pod, end in zip(request.pods, ends, strict=True)]
    for end, at_once in zip(ends, now, strict=True):
        if not at_once:
            doomed.foretell(end)
    certain = [end for end, at_once in zip(ends, now, strict=True) if at_once]
    ended = iter(await engine.end_principals(certain) if certain else ())
    return PodsEnded(sessions=tuple(next(ended) if at_once else 0 for at_once in now))


def _end(pod: EndedPod) -> PrincipalEnd:
    message = f"pod {pod.namespace}/{pod.name}" + (f": {pod.message}" if pod.message else "")
    return PrincipalEnd(
        principal=f"pod:{pod.uid}",
        error=ErrorInfo(type=pod.reason, message=message),
        connected_before=pod.connected_before,
    )
