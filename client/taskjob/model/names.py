"""What names may look like, for documents and for the worker protocol alike.

Patterns are written as JSON Schema has them; the functions are stricter than `re.match` in that nothing may follow,
not even a line break.
"""

from __future__ import annotations

import re

NAMESPACE_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
NAMESPACE_LENGTH = 63
QUEUE_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
QUEUE_LENGTH = 40
TASK_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.:-]*$"
TASK_LENGTH = 128

_namespace = re.compile(NAMESPACE_PATTERN)
_queue = re.compile(QUEUE_PATTERN)
_task = re.compile(TASK_PATTERN)


def is_namespace(text: str) -> bool:
    return len(text) <= NAMESPACE_LENGTH and _namespace.fullmatch(text) is not None


def is_queue(text: str) -> bool:
    return len(text) <= QUEUE_LENGTH and _queue.fullmatch(text) is not None


def is_task(text: str) -> bool:
    return len(text) <= TASK_LENGTH and _task.fullmatch(text) is not None
