"""Waiting between tries: for ever, ever longer, and never in step with others."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from taskjob_operator.kube.errors import KubeError

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Backoff:
    """Doubling delays from `first` to `most` seconds, each drawn from its upper half."""

    def __init__(self, first: float = 0.1, most: float = 30.0) -> None:
        self._first = first
        self._most = most
        self.tries = 0

    def next(self) -> float:
        nominal: float = min(self._first * 2 ** min(self.tries, 30), self._most)
        self.tries += 1
        return nominal * (0.5 + random.random() / 2)  # noqa: S311 - spreads load, keeps no secret

    def reset(self) -> None:
        self.tries = 0


async def patiently(what: str, call: Callable[[], Awaitable[T]], *, most: float = 30.0) -> T:
    """The result of a call that may be repeated, however long that takes; a final answer is raised.

    Retry-After is honoured. The first failure and each tenth are logged.
    """
    backoff = Backoff(most=most)
    while True:
        try:
            return await call()
        except KubeError as error:
            if not error.transient:
                raise
            if backoff.tries % 10 == 0:
                logger.warning("%s: %s; trying again", what, error)
            await asyncio.sleep(max(backoff.next(), error.retry_after or 0.0))
