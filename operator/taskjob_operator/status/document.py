"""The status of a TaskJob as it is written and read back; its texts are bounded here."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

TERMINAL = frozenset({"Completed", "DeadLetter", "Cancelled", "Rejected"})
NOT_YET_SEEN = "NotYetSeen"
"""The reason that the schema's default gives."""

EXPIRED = "Expired"
"""The reason that is final in any phase: the engine no longer keeps the job."""

MAX_MESSAGE = 512
MAX_ERROR = 1024
MAX_RESULT = 1024


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    type: str
    status: str
    observed_generation: int = 0
    reason: str = ""
    message: str = ""
    last_transition_time: str = ""


class TaskJobStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`taskjob.spec`'s document of the same name, without what this version does not write."""

    phase: str = msgspec.field(default="Submitted")
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0
    incarnation: str = ""
    run: int = 0
    revision: int = 0
    job_id: str | None = msgspec.field(default=None, name="jobID")
    attempt: str = ""
    attempts: int = 0
    lost: int = 0
    interruptions: int = 0
    worker: str = ""
    accepted_at: str = ""
    due_at: str = ""
    queued_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    duration: str = ""
    progress: str = ""
    result: str = ""
    result_ref: str = ""
    last_error: str = ""

    def written(self) -> dict[str, Any]:
        """As JSON has it; what defaults elsewhere is said, for the whole status is replaced."""
        return {
            "phase": self.phase,
            "observedGeneration": self.observed_generation,
            "run": self.run,
            "revision": self.revision,
            **msgspec.to_builtins(self),
        }


def read_status(raw: Any) -> TaskJobStatus:
    """What the API server has; unknown fields are not kept, and what cannot be read counts as not written."""
    try:
        return msgspec.convert(raw or {"reason": NOT_YET_SEEN}, TaskJobStatus)
    except msgspec.ValidationError:
        return TaskJobStatus(reason=NOT_YET_SEEN)


def digest_of(status: TaskJobStatus) -> bytes:
    """Equal for statuses that say the same; when a condition last changed is not compared, nor when a TaskJob was found
    to be over of whose end no job tells: each look finds it anew. A stranger with the right to write statuses could
    so change that time, and with it when the TaskJob is deleted."""
    said = sorted((one.type, one.status, one.observed_generation, one.reason, one.message) for one in status.conditions)
    # Every field: `omit_defaults` leaves out what *is* the default, not what equals it, as what was read does.
    whole = msgspec.structs.asdict(status) | {"conditions": said}
    if status.job_id is None or status.reason == EXPIRED:
        whole["finished_at"] = bool(status.finished_at)
    return hashlib.blake2b(msgspec.json.encode(whole), digest_size=8).digest()


def bounded(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
