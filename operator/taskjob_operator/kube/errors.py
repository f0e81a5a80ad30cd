"""What the API server answers when it does not do as it was asked."""

from __future__ import annotations

from typing import Any

import msgspec


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The `Status` object of a failed call, as far as it is read."""

    kind: str = ""
    reason: str = ""
    message: str = ""
    code: int = 0
    details: dict[str, Any] = {}


class KubeError(Exception):
    """`status` is the HTTP status, 0 where no answer came: then the call may have taken effect or not."""

    def __init__(
        self, status: int, reason: str, message: str, *, retry_after: float | None = None, told: bool = True
    ) -> None:
        super().__init__(f"{status} {reason}: {message}" if status else message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.told = told

    @property
    def transient(self) -> bool:
        """The very same call may succeed later; all that is told of the call itself is final."""
        return self.status in {0, 401, 403, 408, 409, 429} or self.status >= 500

    def says_missing(self, name: str) -> bool:
        """The object of that name is gone for certain. A path that is not served (its definition is being installed,
        a proxy in between) is a 404 too, and proves nothing."""
        return self.status == 404 and self.reason == "NotFound" and self.told and f'"{name}"' in self.message


def error_of(status: int, body: bytes, retry_after: str | None) -> KubeError:
    try:
        said = msgspec.json.decode(body, type=Status)
    except (msgspec.DecodeError, msgspec.ValidationError):
        said = Status(message=body[:200].decode(errors="replace"))
    try:
        seconds = None if retry_after is None else min(max(float(retry_after), 0.0), 60.0)
    except ValueError:
        seconds = None
    return KubeError(status, said.reason, said.message, retry_after=seconds, told=said.kind == "Status")
