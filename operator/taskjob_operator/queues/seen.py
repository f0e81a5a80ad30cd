"""What a look at a TaskQueue found: all that its status is made of."""

from __future__ import annotations

import msgspec

from taskjob.wire.operator_messages import QueueNumbers
from taskjob_operator.queues.pool import Pool
from taskjob_operator.queues.trouble import Trouble


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """All that a status says. `refused` is what a person must mend in the spec; `numbers` None: the api did not say."""

    generation: int
    mode: str = "Manual"
    paused: bool = False
    pool: Pool = Pool()
    numbers: QueueNumbers | None = None
    refused: Trouble | None = None
    unreachable: str | None = None
    """Why the api could not be told of the queue."""
    orphans_held: int | None = 0
    """Jobs of its namespace that wait for `taskjob orphans confirm`; None: no sweep has said yet."""
