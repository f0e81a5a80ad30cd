"""Who a token belongs to and what its owner may do, as somebody else reviews it; answers are kept for a short while.

A yes counts for 30 seconds, a no for 5. Where nobody can be asked there is no answer (`UnavailableError`): old ones
are not stretched. Tokens are known here by their hash only.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from taskjob_api.identity.answers import Answers

YES_SECONDS = 30.0
NO_SECONDS = 5.0

MAX_TOKENS = 8192
MAX_RIGHTS = 32_768
"""Answers kept at once; the oldest give way."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as the reviewer knows him. All of it is what rights are asked with."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def extra_value(self, key: str) -> str | None:
        """The one value under a key; None where there is none, or several."""
        values = dict(self.extra).get(key, ())
        return values[0] if len(values) == 1 else None


class Identified(msgspec.Struct, frozen=True, kw_only=True):
    """`audiences` are those of the asked ones that the token is meant for; never empty."""

    subject: Subject
    audiences: frozenset[str]


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done to one kind of resource of TaskJob's; without a name, to any of them."""

    verb: str
    resource: str
    namespace: str
    subresource: str = ""
    name: str = ""


class Reviewer(Protocol):
    async def identify(self, token: str, audiences: tuple[str, ...]) -> Identified | None:
        """None: not a valid token, or for no audience of these. Raises `UnavailableError`."""
        ...

    async def allows(self, subject: Subject, access: Access) -> bool:
        """Raises `UnavailableError`."""
        ...

    async def close(self) -> None: ...


class Reviews:
    """Belongs to one event loop."""

    def __init__(
        self, reviewer: Reviewer, audiences: tuple[str, ...], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._reviewer = reviewer
        self._audiences = audiences
        self._tokens: Answers[bytes, Identified | None] = Answers(
            limit=MAX_TOKENS, seconds=_seconds, monotonic=monotonic
        )
        self._rights: Answers[tuple[Subject, Access], bool] = Answers(
            limit=MAX_RIGHTS, seconds=_seconds, monotonic=monotonic
        )

    async def identify(self, token: str) -> Identified | None:
        """Raises `UnavailableError`."""
        digest = hashlib.sha256(token.encode()).digest()
        return await self._tokens.get(digest, lambda: self._reviewer.identify(token, self._audiences))

    async def allows(self, subject: Subject, access: Access) -> bool:
        """Raises `UnavailableError`."""
        return await self._rights.get((subject, access), lambda: self._reviewer.allows(subject, access))


def _seconds(answer: object) -> float:
    return YES_SECONDS if answer else NO_SECONDS
