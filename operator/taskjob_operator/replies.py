"""Replies that carry jobs, as they are decoded: JSON values where the record has raw JSON or nothing, which msgspec
encodes but does not decode.
"""

from __future__ import annotations

from typing import Any

from taskjob.model import Job
from taskjob.wire import operator_messages as wire


class ToldJob(Job, frozen=True, kw_only=True):
    checkpoint: Any = None
    result: Any = None


class EnsuredJob(wire.EnsuredJob, frozen=True, kw_only=True):
    job: ToldJob | None = None


class Ensured(wire.JobsEnsured, frozen=True, kw_only=True):
    jobs: tuple[EnsuredJob, ...]


class ChangedJob(wire.ChangedJob, frozen=True, kw_only=True):
    job: ToldJob | None = None


class ChangesRead(wire.JobsChanged, frozen=True, kw_only=True):
    changes: tuple[ChangedJob, ...]
