"""Every error of TaskJob: one root, stable codes.

    TaskJobError
    ├── InvalidError                 the request is wrong; sending it again will not help
    │   ├── NotYetSupportedError     a field of the design whose feature is not built yet
    │   └── TooLargeError            over a limit of size or count
    ├── UnauthenticatedError         no token, or one that is unknown, expired or revoked
    ├── ForbiddenError               a valid token without the right
    ├── NotFoundError                missing, or not yours: the two look the same
    ├── ConflictError                the state of the thing forbids it
    │   └── IdempotencyConflictError one key, two documents
    ├── QuotaExceededError           a limit on accepted work is reached; retry later
    ├── UnavailableError             not applied; the same call may be sent again
    │   ├── OverloadedError          shed under load; see retry_after_seconds
    │   └── CannotConnectError       no server answered
    └── OutcomeUnknownError          applied or not: resolve by the idempotency key or by reading

`code` is what machines compare and never changes; `detail` is for people; `hint` says what to do next;
`field` is an RFC 6901 pointer into the document the caller wrote. The REST mapping is `status`.
"""

from __future__ import annotations

from typing import ClassVar


class TaskJobError(Exception):
    """Root of all errors of TaskJob.

    `retryable` says that the very same call may succeed later. It is never set where the call may
    already have taken effect.
    """

    code: ClassVar[str] = "Internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str = "",
        *,
        field: str | None = None,
        hint: str | None = None,
        retry_after_seconds: float | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.field = field
        self.hint = hint
        self.retry_after_seconds = retry_after_seconds
        self.reason = reason


class InvalidError(TaskJobError):
    code = "Invalid"
    status = 422
    title = "The request is not valid"


class NotYetSupportedError(InvalidError):
    code = "NotYetSupported"
    title = "This field's feature is not built yet"


class TooLargeError(InvalidError):
    code = "TooLarge"
    status = 413
    title = "Over a size limit"


class UnsupportedMediaTypeError(InvalidError):
    code = "UnsupportedMediaType"
    status = 415
    title = "Send application/json"


class UnauthenticatedError(TaskJobError):
    code = "Unauthenticated"
    status = 401
    title = "No valid token"


class ForbiddenError(TaskJobError):
    code = "Forbidden"
    status = 403
    title = "The token does not allow this"


class NotFoundError(TaskJobError):
    code = "NotFound"
    status = 404
    title = "Not found"


class ConflictError(TaskJobError):
    code = "Conflict"
    status = 409
    title = "The current state forbids this"


class IdempotencyConflictError(ConflictError):
    code = "IdempotencyConflict"
    title = "The idempotency key was used with another document"


class QuotaExceededError(TaskJobError):
    code = "QuotaExceeded"
    status = 429
    title = "The limit on accepted work is reached"
    retryable = True


class UnavailableError(TaskJobError):
    code = "Unavailable"
    status = 503
    title = "Not applied; try again"
    retryable = True


class OverloadedError(UnavailableError):
    code = "Overloaded"
    status = 429
    title = "Too many requests at once"


class CannotConnectError(UnavailableError):
    code = "CannotConnect"
    title = "No server answered"


class OutcomeUnknownError(TaskJobError):
    code = "OutcomeUnknown"
    status = 504
    title = "Applied or not is unknown; send the same idempotency key again"
