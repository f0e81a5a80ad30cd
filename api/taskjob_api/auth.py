"""Who calls, and what they may do. Decides; knows no route and no engine.

A foreign namespace is answered like a missing one (404), a missing right in one's own namespace with 403.
"""

from __future__ import annotations

import hmac
import logging
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from taskjob.errors import ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError, UnavailableError
from taskjob.model import Micros
from taskjob_api.gateway.authentication import ANY, Principal
from taskjob_api.http import Scope as RequestScope
from taskjob_api.http import header
from taskjob_api.rights import Right
from taskjob_api.settings import is_loopback
from taskjob_api.tokens import Scope, TokenRecord, hash_token, read_tokens

log = logging.getLogger(__name__)

RECHECK_SECONDS = 1.0
"""How often the file is looked at; a revocation acts within this."""

_MAX_TOKEN_LENGTH = 512
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")


class Caller(Principal, frozen=True, kw_only=True):
    """A principal with the namespaces whose jobs it may touch by REST; `*` stands for all."""

    namespaces: tuple[str, ...] = ()

    async def require(self, right: Right, namespace: str) -> None:
        """Raise `NotFoundError` for a foreign namespace, `ForbiddenError` where the right is missing in one's own,
        `UnavailableError` where it cannot be found out."""
        named = _NAMESPACE.match(namespace) is not None  # first: `*` stands for all and is the name of none
        if named and await self._allows(right, namespace):
            return
        if not (named and await self._sees(namespace)):
            raise NotFoundError(f"no namespace {namespace!r}, or not yours")
        raise self._lack(right, namespace)

    async def may_submit(self, namespace: str, queue: str) -> bool:
        return await self.may_serve(namespace, queue) or await self._allows(Right.SUBMIT, namespace)

    def require_operator(self) -> None:
        """Raise `ForbiddenError` unless this caller may speak the operator protocol."""
        if Scope.OPERATOR not in self.scopes:
            raise _missing(Scope.OPERATOR)

    async def _allows(self, right: Right, namespace: str) -> bool:
        return await self._sees(namespace) and bool(self.scopes & {right.scope, Scope.ADMIN})

    async def _sees(self, namespace: str) -> bool:
        """Whether it may know that the namespace is there."""
        return namespace in self.namespaces or ANY in self.namespaces

    def _lack(self, right: Right, namespace: str) -> ForbiddenError:  # noqa: ARG002 - a scope is for all of its own
        return _missing(right.scope)


def _missing(scope: Scope) -> ForbiddenError:
    return ForbiddenError(
        f"the token lacks the scope {scope}", hint=f"taskjob token create --scope {scope}", reason="MissingScope"
    )


class Door(Protocol):
    """Belongs to one event loop; also the gateway's `Authenticator`."""

    async def authenticate(self, token: str | None, *, peer_is_loopback: bool) -> Caller:
        """The caller behind a bearer token. Raises `UnauthenticatedError`, or `UnavailableError` where the answer
        cannot be had now."""
        ...

    async def close(self) -> None:
        """Let go of what it holds open."""
        ...


EVERYBODY = Caller(name="local", namespace="default", queues=((ANY, ANY),), scopes=frozenset(Scope), namespaces=(ANY,))


class OpenDoor:
    """No tokens: for loopback in development. Other addresses are never let in by it."""

    async def authenticate(self, token: str | None, *, peer_is_loopback: bool) -> Caller:
        """Everybody on this machine. A token shown needlessly is not an error: scripts keep working."""
        del token
        if not peer_is_loopback:
            raise UnauthenticatedError("this server is open to its own machine only")
        return EVERYBODY

    async def close(self) -> None:
        """Nothing is held open."""


class TokenDoor:
    """Static tokens from a file, re-read when it changes.

    A file that cannot be read any more closes the door (`UnavailableError`) rather than trusting old knowledge.
    """

    def __init__(
        self, path: Path, *, now: Callable[[], Micros], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._now = now
        self._monotonic = monotonic
        self._records: dict[str, tuple[TokenRecord, Caller]] = {}
        self._seen: tuple[int, int, int] | None = None
        self._checked_at = -RECHECK_SECONDS
        self._broken: str | None = None

    async def authenticate(self, token: str | None, *, peer_is_loopback: bool) -> Caller:
        """Raises `UnauthenticatedError` for none, unknown, expired and revoked alike."""
        del peer_is_loopback
        self._refresh()
        if token is None:
            raise UnauthenticatedError("no token", hint="send Authorization: Bearer taskjob_…, or set TASKJOB_TOKEN")
        found = self._records.get(_token_id(token))
        if found is None or not hmac.compare_digest(found[0].sha256, hash_token(token)):
            raise UnauthenticatedError("unknown or revoked token", hint="taskjob token create")
        expires = found[0].expires_micros()
        if expires is not None and self._now() >= expires:
            raise UnauthenticatedError("the token has expired", hint="taskjob token create", reason="Expired")
        return found[1]

    async def close(self) -> None:
        """Nothing is held open."""

    def _refresh(self) -> None:
        if self._monotonic() - self._checked_at >= RECHECK_SECONDS:
            self._checked_at = self._monotonic()
            self._reload()
        if self._broken is not None:
            raise UnavailableError(self._broken, retry_after_seconds=RECHECK_SECONDS)

    def _reload(self) -> None:
        try:
            status = os.stat(self._path)  # noqa: PTH116 - follows the symbolic links of a mounted Secret
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen == self._seen:
                return
            records = {record.id: (record, _caller(record)) for record in read_tokens(self._path).tokens}
        except (OSError, InvalidError) as error:
            if self._broken is None:
                log.exception("the tokens file cannot be read: nobody is let in")
            self._broken, self._seen = f"tokens cannot be checked: {type(error).__name__}", None
            return
        self._records, self._seen, self._broken = records, seen, None


async def authenticate(door: Door, scope: RequestScope) -> Caller:
    """Who sent this request. Raises as the door does."""
    authorization = header(scope, b"authorization")
    client = scope.get("client")
    return await door.authenticate(
        bearer(None if authorization is None else authorization.decode("latin-1")),
        peer_is_loopback=client is None or is_loopback(client[0]),
    )


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header. Raises `UnauthenticatedError` for another scheme."""
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("expected Authorization: Bearer <token>")
    return token.strip()


def _token_id(token: str) -> str:
    parts = token.split("_") if len(token) <= _MAX_TOKEN_LENGTH else []
    return parts[1] if len(parts) == 3 and parts[0] == "taskjob" else ""


def _caller(record: TokenRecord) -> Caller:
    pairs = tuple((namespace, queue) for namespace, _, queue in (pair.partition("/") for pair in record.queues))
    default = record.namespaces[0] if record.namespaces and record.namespaces[0] != ANY else "default"
    return Caller(
        name=f"token:{record.id}",
        namespace=default,
        queues=pairs,
        scopes=frozenset(record.scopes),
        namespaces=record.namespaces,
    )
