"""The one seam to durable truth. The contract is the docstring of `protocol`; the other files are its nouns."""

from taskjob_engine.store.leases import Granted, Leased, LeaseRequest, Settled, Settlement, SettleVerdict
from taskjob_engine.store.people import Amendment, Changed, Disowning, JobRef, QueueChange, Rerun
from taskjob_engine.store.protocol import JobStore, Watcher
from taskjob_engine.store.reading import DirtyJob, Explanation, JobFilter, OwnedJob, Page, QueueLoad
from taskjob_engine.store.sessions import (
    LeaseReason,
    PrincipalEnd,
    ProgressMark,
    Renewal,
    Renewed,
    SessionClosed,
    SessionEnd,
    SessionOpen,
    SessionRef,
    StartMark,
)
from taskjob_engine.store.standing import Standing, StoreInfo, WakeUp
from taskjob_engine.store.submission import Submission, Submitted
from taskjob_engine.store.upkeep import DeadLetters, Expired, Garbage, Promoted, Pruned
from taskjob_engine.store.value import Value

__all__ = [
    "Amendment",
    "Changed",
    "DeadLetters",
    "DirtyJob",
    "Disowning",
    "Expired",
    "Explanation",
    "Garbage",
    "Granted",
    "JobFilter",
    "JobRef",
    "JobStore",
    "LeaseReason",
    "LeaseRequest",
    "Leased",
    "OwnedJob",
    "Page",
    "PrincipalEnd",
    "ProgressMark",
    "Promoted",
    "Pruned",
    "QueueChange",
    "QueueLoad",
    "Renewal",
    "Renewed",
    "Rerun",
    "SessionClosed",
    "SessionEnd",
    "SessionOpen",
    "SessionRef",
    "SettleVerdict",
    "Settled",
    "Settlement",
    "Standing",
    "StartMark",
    "StoreInfo",
    "Submission",
    "Submitted",
    "Value",
    "WakeUp",
    "Watcher",
]
