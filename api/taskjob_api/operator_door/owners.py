"""Owners as the operator names them, checked at the door: the engine takes any text."""

from __future__ import annotations

import re

from taskjob.errors import InvalidError
from taskjob.model import Owner, names

_ID = re.compile(r"[!-~]{1,100}")
_NAME = re.compile(r"[-a-z0-9.]{1,253}")


def check_owner(owner: Owner, field: str = "/owner") -> None:
    """Raise `InvalidError` for an owner that no API server made."""
    for name, value, good in (
        ("clusterId", owner.cluster_id, _ID.fullmatch(owner.cluster_id)),
        ("uid", owner.uid, _ID.fullmatch(owner.uid)),
        ("namespace", owner.namespace, names.is_namespace(owner.namespace)),
        ("name", owner.name, _NAME.fullmatch(owner.name)),
    ):
        if not good:
            raise InvalidError(f"{name}: {value[:60]!r} is none of Kubernetes", field=f"{field}/{name}")
