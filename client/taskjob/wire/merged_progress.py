"""Progress that waits to be told: the latest text and the latest checkpoint win, whichever message had them."""

from __future__ import annotations

import msgspec

from taskjob.wire.messages import Progress


def merged(older: Progress | None, newer: Progress) -> Progress:
    if older is None:
        return newer
    return Progress(
        job=newer.job,
        lease=newer.lease,
        progress=newer.progress if newer.progress is not None else older.progress,
        checkpoint=newer.checkpoint if newer.checkpoint is not msgspec.UNSET else older.checkpoint,
    )
