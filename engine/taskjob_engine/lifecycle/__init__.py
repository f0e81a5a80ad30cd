"""The life of a job as pure functions: no clock, no randomness, no I/O, no store.

Every store calls these (or is proved equal to them by the conformance suite), so a rule is written once.
"""
