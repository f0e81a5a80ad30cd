"""Who stands behind a connection, and for how long that is believed without asking again."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import random

from taskjob.errors import UnauthenticatedError
from taskjob.wire.messages import Failure, GoAway
from taskjob_api.gateway.admission import Admission
from taskjob_api.gateway.authentication import Principal
from taskjob_api.gateway.failures import failure_of
from taskjob_api.gateway.live import LiveSession

AGAIN_SECONDS = 5.0
"""After a review that got no answer."""

UNVOUCHED_SECONDS = 3600.0
"""So long a standing connection is believed while nobody can be asked about it: by then its token is over."""


class Vouching:
    """`principal` is None for a stranger: it has not proved yet who it is. `review_at` is in the loop's time."""

    def __init__(self, admission: Admission, *, peer_is_loopback: bool) -> None:
        self._admission = admission
        self._peer_is_loopback = peer_is_loopback
        self._loop = asyncio.get_running_loop()
        self._token: str | None = None
        self._vouched_at = self._loop.time()
        self.principal: Principal | None = None
        self.review_at = math.inf

    async def authenticate(self, token: str | None) -> Principal:
        """Raises as `Admission.authenticate` does."""
        self._token = token
        self.principal = await self._admission.authenticate(token, peer_is_loopback=self._peer_is_loopback)
        self._vouched(self.principal)
        return self.principal

    async def review(self, live: LiveSession | None) -> GoAway | Failure | None:
        """Ask again: the token may have been revoked since the connection began, or a right been taken away. What the
        worker is told where it may not go on."""
        assert self.principal is not None
        self.review_at = math.inf
        try:
            await self._admission.review(live, self._token, peer_is_loopback=self._peer_is_loopback)
        except Exception as error:  # noqa: BLE001 - fail closed; an outage of whoever is asked has its patience
            if isinstance(error, UnauthenticatedError) and error.reason == "Expired":
                # A mounted token is rotated: the worker comes back with its next one.
                return GoAway(reason="TokenExpired", after_seconds=0.0)
            failure = failure_of(error)
            if failure.code != "Unavailable":
                return failure
            if self._loop.time() - self._vouched_at > UNVOUCHED_SECONDS:
                return GoAway(reason="Unavailable", after_seconds=5.0)
            self.review_at = self._loop.time() + AGAIN_SECONDS
        else:
            self._vouched(self.principal)
        return None

    def _vouched(self, principal: Principal) -> None:
        self._vouched_at = self._loop.time()
        spread = random.uniform(0.9, 1.0)  # noqa: S311 - jitter: those that came together are not asked about together
        self.review_at = self._vouched_at + spread * principal.review_seconds


def is_loopback(transport: asyncio.BaseTransport) -> bool:
    peer = transport.get_extra_info("peername")
    return isinstance(peer, tuple) and ipaddress.ip_address(peer[0].partition("%")[0]).is_loopback
