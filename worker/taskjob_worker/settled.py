"""What the worker was told of its deliveries, one line each at log level DEBUG, for whoever judges from outside.

A delivery is named by a digest: its lease is a secret of worker and server.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable

from taskjob.wire.messages import Grant
from taskjob.wire.worker_events import Answered

log = logging.getLogger("taskjob.worker.settled")


def note_grants(grants: Iterable[Grant]) -> None:
    if log.isEnabledFor(logging.DEBUG):
        for grant in grants:
            told = (grant.job, _digest(grant.lease), grant.run, grant.delivery)
            log.debug("granted job=%s lease=%s run=%d delivery=%d", *told)


def note_verdicts(answered: Answered) -> None:
    """What is not told is accepted."""
    if log.isEnabledFor(logging.DEBUG):
        others = {(told.job, told.lease): told.verdict for told in answered.verdicts}
        for settle in answered.settles:
            verdict = others.get((settle.job, settle.lease), "accepted")
            told = (settle.job, _digest(settle.lease), settle.outcome.value, verdict)
            log.debug("settled job=%s lease=%s outcome=%s verdict=%s", *told)


def _digest(lease: str) -> str:
    return hashlib.sha256(lease.encode()).hexdigest()[:16]
