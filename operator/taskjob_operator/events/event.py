"""A Kubernetes Event: what it says, of which object, and under which name. Pure.

The name is made of the object's uid and of what happened to it at which time, so that the same thing told again, by
this process or by another one, is the same Event: the API server has it already.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import msgspec

from taskjob_operator.kube.resources import GROUP, VERSION

CONTROLLER = f"{GROUP}/operator"
MAX_NOTE = 1024
"""Bytes: the API server refuses a longer note."""

MAX_WORD = 128
"""Characters of a reason, an action and the name of an instance."""

_MAX_NAME = 253
_DIGEST_BYTES = 8


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The object of our group that an Event is about, and the queue whose share of Events it takes."""

    kind: str
    namespace: str
    name: str
    uid: str
    queue: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`happening` tells it from all others of this object, and is the same whenever the same thing is told."""

    subject: Subject
    warning: bool
    reason: str
    action: str
    note: str
    happening: tuple[str, ...]

    def document(self, *, instance: str, at: dt.datetime) -> dict[str, Any]:
        """As the API server takes it; `instance` is the pod that tells."""
        subject = self.subject
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"namespace": subject.namespace, "name": self._name()},
            "eventTime": at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "type": "Warning" if self.warning else "Normal",
            "reason": self.reason[:MAX_WORD],
            "action": self.action[:MAX_WORD],
            "note": _bounded(self.note),
            "reportingController": CONTROLLER,
            "reportingInstance": instance[:MAX_WORD],
            "regarding": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": subject.kind,
                "namespace": subject.namespace,
                "name": subject.name,
                "uid": subject.uid,
            },
        }

    def _name(self) -> str:
        what = msgspec.json.encode([self.subject.uid, *self.happening])
        digest = hashlib.blake2b(what, digest_size=_DIGEST_BYTES).hexdigest()
        return f"{self.subject.name[: _MAX_NAME - 1 - len(digest)].rstrip('.-')}.{digest}"


def _bounded(note: str) -> str:
    whole = note.encode()
    if len(whole) <= MAX_NOTE:
        return note
    mark = "…"
    return whole[: MAX_NOTE - len(mark.encode())].decode(errors="ignore") + mark
