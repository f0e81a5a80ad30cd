"""The job store in memory: the reference that other stores are compared with, and the one for tests.

Nothing outlives the process, and it says so (`durability` is `relaxed`). Clarity before speed, yet no verb's cost
grows with the backlog where the contract says that it must not.
"""

from taskjob_engine.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
