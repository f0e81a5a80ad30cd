"""What both senders share about httpx2: time-outs, and its exceptions in our words. The only module that knows both.

No proxy settings or netrc are taken from the environment for a loopback server; httpx2 decides for others.
"""

from __future__ import annotations

from typing import Any

import httpx2

from taskjob.client.requests import REPLY_SECONDS, Call
from taskjob.client.target import Target
from taskjob.errors import CannotConnectError, OutcomeUnknownError, TaskJobError

CONNECT_SECONDS = 5.0


def timeout_of(call: Call[Any]) -> httpx2.Timeout:
    return httpx2.Timeout(REPLY_SECONDS + call.wait_seconds, connect=CONNECT_SECONDS)


def connection_error(error: httpx2.TransportError, target: Target) -> TaskJobError:
    """`CannotConnectError` where nothing can have been applied, else `OutcomeUnknownError`."""
    text = str(error) or type(error).__name__
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.UnsupportedProtocol):
        return CannotConnectError(
            f"no answer from {target.server}: {text}",
            hint="start a server with `taskjob dev`, or name one with --server or TASKJOB_SERVER",
        )
    return OutcomeUnknownError(
        f"the connection to {target.server} broke before it answered: {text}",
        hint="look whether the call took effect, or send it again with the same idempotency key",
    )
