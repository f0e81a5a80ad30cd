"""`pods/ended`: the cluster knows that a worker is dead before its silence would tell."""

from __future__ import annotations

from taskjob.model import ErrorInfo
from taskjob.wire.operator_messages import EndedPod, EndPods, PodsEnded
from taskjob_engine.engine import Engine
from taskjob_engine.store import PrincipalEnd


async def end_pods(engine: Engine, request: EndPods) -> PodsEnded:
    ended = await engine.end_principals([_end(pod) for pod in request.pods]) if request.pods else []
    return PodsEnded(sessions=tuple(ended))


def _end(pod: EndedPod) -> PrincipalEnd:
    message = f"pod {pod.namespace}/{pod.name}" + (f": {pod.message}" if pod.message else "")
    return PrincipalEnd(principal=f"pod:{pod.uid}", error=ErrorInfo(type=pod.reason, message=message))
