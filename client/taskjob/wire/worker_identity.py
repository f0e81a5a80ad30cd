"""Who a worker is when it registers. The token is not part of it: tokens are rotated, a worker stays."""

from __future__ import annotations

import msgspec

from taskjob.wire.messages import ProcessIdentity


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who registers. `slots` is what the server shows; what is asked for is `want`."""

    worker: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int
    namespace: str | None = None
    version: str = ""
    process: ProcessIdentity | None = None
