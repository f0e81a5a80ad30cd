"""Errors of the engine that are not a caller's: the process cannot or must not go on with this store."""

from __future__ import annotations

from taskjob.errors import TaskJobError


class StoreRefusedError(TaskJobError):
    """The store must not be used as it is: `reason` is one of WeakDurability, NewerSchema, AlreadyOpen,
    NetworkFileSystem, Corrupt, ReadOnly, NotADatabase. `hint` says what a person can do."""

    code = "StoreRefused"
    status = 503
    title = "The store must not be used as it is"
