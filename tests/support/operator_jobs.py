"""Jobs and TaskJobs as the operator's parts see them, for tests of those parts."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from taskjob.model import ErrorInfo, Job, Owner, Phase, Reason
from taskjob_operator.record import Record, look

AT = 1_800_000_000_000_000
ID = "01a22747a3577fcf8101b12cd159a5e6"
UID = "5a0e3c6e-51a0-4b52-8f0e-5c1f0a4b7e11"
CLUSTER = "cluster-1"

REASONS = {
    Phase.SUBMITTED: Reason.DELAYED,
    Phase.QUEUED: Reason.QUEUED,
    Phase.ASSIGNED: Reason.ASSIGNED,
    Phase.RUNNING: Reason.RUNNING,
    Phase.RETRY_QUEUED: Reason.BACKOFF,
    Phase.COMPLETED: Reason.COMPLETED,
    Phase.DEAD_LETTER: Reason.ATTEMPTS_EXHAUSTED,
    Phase.CANCELLED: Reason.CANCEL_REQUESTED,
}


def job(phase: Phase = Phase.QUEUED, **fields: Any) -> Job:
    terminal = phase.is_terminal
    given: dict[str, Any] = {
        "id": ID,
        "namespace": "media",
        "queue": "images",
        "task": "resize",
        "phase": phase,
        "reason": REASONS[phase],
        "revision": 1,
        "created_at": AT,
        "finished_at": AT + 2_500_000 if terminal else None,
        "started_at": AT + 1_000_000 if terminal or phase is Phase.RUNNING else None,
        "owner": Owner(cluster_id=CLUSTER, namespace="media", name="cats", uid=UID),
    }
    return Job(**given | fields)


def raw_object(name: str = "cats", uid: str = UID, **changes: Any) -> dict[str, Any]:
    """As the API server tells it. `status`, `spec`, `version`, `generation` and further metadata may be given."""
    metadata = {
        "uid": uid,
        "namespace": "media",
        "name": name,
        "resourceVersion": str(changes.pop("version", 10)),
        "generation": changes.pop("generation", 1),
        "creationTimestamp": "2026-11-23T06:00:00Z",
    }
    spec = {"task": "resize", "queue": "images"} | changes.pop("spec", {})
    status = changes.pop("status", {"phase": "Submitted", "reason": "NotYetSeen", "revision": 0, "run": 0})
    return {"metadata": metadata | changes, "spec": spec, "status": status}


def record(name: str = "cats", uid: str = UID, **changes: Any) -> Record:
    return Record(look(raw_object(name, uid, **changes)))


TEXT = st.text(max_size=2000)


@st.composite
def any_job(draw: st.DrawFn) -> Job:
    """Of any phase, with hostile texts of any length."""
    return job(
        draw(st.sampled_from(Phase)),
        message=draw(TEXT),
        run=draw(st.integers(0, 3)),
        revision=draw(st.integers(0, 9)),
        attempts=draw(st.integers(0, 100)),
        worker=draw(st.none() | TEXT),
        progress=draw(st.none() | TEXT),
        result_ref=draw(st.none() | TEXT),
        last_error=draw(st.none() | st.builds(ErrorInfo, type=TEXT, message=TEXT)),
        suspend=draw(st.booleans()),
    )
