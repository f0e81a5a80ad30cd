"""What the gateway asks of the api's authentication and document reading: two small protocols, no implementation.

The composition root hands both in, so that the gateway knows neither where tokens live nor how documents look.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from taskjob_engine.store import Submission

ANY = "*"

WORKER_SCOPE = "worker"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who a caller proved to be. `queues` are the (namespace, queue) pairs that a worker of this token may serve,
    `*` standing for any; `namespace` is the one used where the worker names none. Sessions and leases are bound
    to `name`, which stays the same for a token as long as it lives."""

    name: str
    namespace: str = "default"
    queues: tuple[tuple[str, str], ...] = ()
    scopes: frozenset[str] = frozenset()
    review_seconds: float = 5.0
    """How often the token of a standing connection is checked again."""

    async def may_serve(self, namespace: str, queue: str) -> bool:
        """Raises `UnavailableError` where it cannot be found out now."""
        return any(allowed in {ANY, namespace} and name in {ANY, queue} for allowed, name in self.queues)

    async def may_submit(self, namespace: str, queue: str) -> bool:
        """Whether a task that this worker runs may submit to that queue: to those that the worker may serve. Raises as
        `may_serve` does."""
        return await self.may_serve(namespace, queue)


class Authenticator(Protocol):
    async def authenticate(self, token: str | None, *, peer_is_loopback: bool) -> Principal:
        """The caller behind a bearer token (None: it showed none). Raises `UnauthenticatedError`, or
        `UnavailableError` where the answer cannot be had now."""
        ...


class DocumentReader(Protocol):
    def read(self, document: bytes, *, namespace: str) -> Submission:
        """One job document as a worker's task sent it (raw JSON, as in REST). Raises `InvalidError` with code,
        detail and field."""
        ...
