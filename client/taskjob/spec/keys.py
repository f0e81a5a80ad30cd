"""Idempotency keys that people may not choose: those that TaskJob makes itself."""

from __future__ import annotations

from taskjob.errors import InvalidError

RESERVED_PREFIX = "taskjob.dev/"
_OF_UID = RESERVED_PREFIX + "uid/"


def key_of_uid(uid: str) -> str:
    """The key of a custom resource that names none: one job for one object, however often it is told."""
    return _OF_UID + uid


def chosen_key(key: str | None) -> str | None:
    """The key as a person chose it; None for one of ours."""
    return None if key is None or key.startswith(RESERVED_PREFIX) else key


def refuse_reserved_key(key: str | None, field: str) -> None:
    """Raise `InvalidError` for a key that could be one of ours."""
    if key is not None and key.startswith(RESERVED_PREFIX):
        raise InvalidError(
            f"keys that begin with {RESERVED_PREFIX} are TaskJob's own", field=field, hint="choose another key"
        )
