"""Names of artifacts: `<namespace>/<job>/<run>.<delivery>/<hash of lease>/<name>`.

A lease id is a fencing token, so only its hash stands in a key. Keys are built here and checked here, whoever
made them: no empty, dotted or over-long segment, nothing that a file system or a shell would read another way.
"""

from __future__ import annotations

import hashlib
import re

from taskjob.errors import InvalidError

MAX_KEY_BYTES = 1024
MAX_LOG_CHUNKS = 1_000_000

_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}\Z")


def check_key(key: str) -> str:
    """The key itself, or `InvalidError`."""
    if len(key) > MAX_KEY_BYTES or not all(_SEGMENT.match(segment) for segment in key.split("/")):
        raise InvalidError(
            f"{key[:80]!r} is no artifact key",
            hint="use letters, digits, '.', '_' and '-' in segments parted by '/', none of them starting with '.'",
        )
    return key


def check_prefix(prefix: str) -> str:
    """The prefix without its trailing slash, or `InvalidError`. The empty prefix is refused: it names everything."""
    return check_key(prefix.removesuffix("/"))


def job_prefix(namespace: str, job: str) -> str:
    return f"{namespace}/{job}"


def delivery_of(key: str) -> tuple[int, int, str]:
    """Run and delivery of the object, and its name below its lease."""
    _, _, delivery, _, name = key.split("/", 4)
    run, number = delivery.split(".")
    return int(run), int(number), name


def delivery_prefix(namespace: str, job: str, run: int, delivery: int) -> str:
    return f"{job_prefix(namespace, job)}/{run}.{delivery}"


def lease_prefix(namespace: str, job: str, run: int, delivery: int, lease: str) -> str:
    digest = hashlib.sha256(lease.encode()).hexdigest()[:16]
    return f"{delivery_prefix(namespace, job, run, delivery)}/{digest}"


def log_key(prefix: str, number: int) -> str:
    """The key of one log chunk, numbered from 0."""
    if not 0 <= number < MAX_LOG_CHUNKS:
        raise InvalidError(f"log chunk {number} is out of range", hint=f"chunks count from 0 to {MAX_LOG_CHUNKS - 1}")
    return f"{prefix}/log/{number:06d}"


def result_key(prefix: str, result: bytes) -> str:
    """The key of one result. Another result of the same lease has another key: what is recorded is what was sent."""
    return f"{prefix}/result.{hashlib.sha256(result).hexdigest()[:16]}.json"
