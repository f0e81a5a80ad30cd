"""The door in a cluster: Kubernetes says whose a token is, and static tokens may stand beside.

What a token is for is its audience: people call REST, pods the worker gateway, one ServiceAccount is the operator.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable

import msgspec

from taskjob.errors import UnauthenticatedError
from taskjob_api.auth import Caller, TokenDoor
from taskjob_api.identity.caller import WORKER_REVIEW_SECONDS, ReviewedCaller
from taskjob_api.identity.reviews import Identified, Reviewer, Reviews, Subject
from taskjob_api.settings import OPERATOR_AUDIENCE, WORKER_AUDIENCE
from taskjob_api.tokens import Scope

MAX_TOKEN_LENGTH = 16 * 1024
LEEWAY_SECONDS = 60.0
"""How far this clock may be from that of whoever signs tokens."""

_POD_UID = "authentication.kubernetes.io/pod-uid"
_SERVICE_ACCOUNT = re.compile(r"system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)\Z")
_SIGNED = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\Z")


class _Claims(msgspec.Struct):
    exp: float | None = None


_read_claims = msgspec.json.Decoder(_Claims).decode


class KubernetesDoor:
    """Belongs to one event loop. `audience` is that of people's tokens; `operator` the operator's ServiceAccount as
    `namespace/name`; `static` lets in the tokens of a file as well."""

    def __init__(
        self,
        reviewer: Reviewer,
        *,
        audience: str,
        operator: str | None = None,
        static: TokenDoor | None = None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reviewer = reviewer
        self._reviews = Reviews(reviewer, (audience, WORKER_AUDIENCE, OPERATOR_AUDIENCE), monotonic=monotonic)
        self._audience = audience
        self._operator = operator
        self._static = static
        self._wall = wall

    async def authenticate(self, token: str | None, *, peer_is_loopback: bool) -> Caller:
        """Raises `UnauthenticatedError`, or `UnavailableError` where Kubernetes cannot be asked."""
        if token is None:
            raise UnauthenticatedError(
                "no token", hint="send Authorization: Bearer <token>; `kubectl taskjob token` makes one"
            )
        if self._static is not None and token.startswith("taskjob_"):
            return await self._static.authenticate(token, peer_is_loopback=peer_is_loopback)
        expired = self._refuse_at_sight(token)
        identified = await self._reviews.identify(token)
        if identified is None:
            raise (
                _expired()
                if expired
                else UnauthenticatedError(
                    "Kubernetes does not know this token, or it is meant for another audience",
                    hint=f"kubectl taskjob token, or a projected token of audience {self._audience}",
                )
            )
        return self._caller(identified)

    async def close(self) -> None:
        await self._reviewer.close()

    def _refuse_at_sight(self, token: str) -> bool:
        """Nobody is asked about what cannot be a token of Kubernetes or is long over. True: this clock says it is over.
        What is read here is not yet proved, and lets nobody in."""
        found = _SIGNED.match(token) if len(token) <= MAX_TOKEN_LENGTH else None
        if found is None:
            raise UnauthenticatedError("this is no token of Kubernetes", hint="kubectl taskjob token")
        try:
            expires = _read_claims(base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))).exp
        except (ValueError, msgspec.DecodeError):
            raise UnauthenticatedError("this is no token of Kubernetes", hint="kubectl taskjob token") from None
        now = self._wall()
        if expires is not None and expires + LEEWAY_SECONDS < now:
            raise _expired()
        return expires is not None and expires < now

    def _caller(self, identified: Identified) -> ReviewedCaller:
        subject, audiences = identified.subject, identified.audiences
        account = _SERVICE_ACCOUNT.match(subject.name)
        home = "" if account is None else account[1]
        pod = None if account is None else subject.extra_value(_POD_UID)
        is_worker = WORKER_AUDIENCE in audiences and pod is not None
        is_operator = (
            OPERATOR_AUDIENCE in audiences and account is not None and self._operator == f"{account[1]}/{account[2]}"
        )
        if not is_worker and not is_operator and self._audience not in audiences:
            raise _useless(subject, audiences)
        scopes = {Scope.WORKER: is_worker, Scope.OPERATOR: is_operator}
        return ReviewedCaller(
            name=f"pod:{pod}" if is_worker else f"user:{subject.name}",
            namespace=home or "default",
            scopes=frozenset(scope for scope, given in scopes.items() if given),
            review_seconds=WORKER_REVIEW_SECONDS,
            subject=subject,
            reviews=self._reviews,
            home=home,
            rest=self._audience in audiences,
        )


def _useless(subject: Subject, audiences: frozenset[str]) -> UnauthenticatedError:
    """A good token that proves nothing of what its audience promises."""
    if WORKER_AUDIENCE in audiences:
        return UnauthenticatedError(
            "a worker's token must be bound to its pod",
            hint=f"mount a projected serviceAccountToken of audience {WORKER_AUDIENCE}",
            reason="NoPod",
        )
    return UnauthenticatedError(
        f"{subject.name} is not the operator", hint="TASKJOB_OPERATOR_SERVICE_ACCOUNT names it", reason="NotOperator"
    )


def _expired() -> UnauthenticatedError:
    return UnauthenticatedError("the token has expired", hint="kubectl taskjob token", reason="Expired")
