"""The embedded store: one SQLite file, one writer thread with group commit, a pool of readers (DESIGN §5)."""

from taskjob_engine.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
