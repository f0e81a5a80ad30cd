"""The file of static tokens: created, listed and revoked without a running server, watched by one that runs.

Only SHA-256 hashes are kept: a token is 256 random bits, so that a slow hash would add nothing. The file is mode
0600 and replaced atomically; a Kubernetes Secret with the same JSON may be mounted in its place.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import msgspec

from taskjob.errors import InvalidError, NotFoundError
from taskjob.model import Micros, format_time, parse_time


class Scope(StrEnum):
    """What a token allows. None includes another, except that `admin` includes all but `worker` and `operator`.
    `operator` speaks the operator protocol, which acts in every namespace, and nothing else."""

    READ = "read"
    SUBMIT = "submit"
    CONTROL = "control"
    ADMIN = "admin"
    WORKER = "worker"
    OPERATOR = "operator"


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One line of the file. `queues` are the `namespace/queue` pairs of a worker token; `*` stands for any."""

    id: str
    sha256: str
    name: str = ""
    scopes: tuple[Scope, ...]
    namespaces: tuple[str, ...] = ("default",)
    queues: tuple[str, ...] = ()
    created_at: str = ""
    expires_at: str | None = None

    def expires_micros(self) -> Micros | None:
        return None if self.expires_at is None else parse_time(self.expires_at)


class TokenFile(msgspec.Struct, frozen=True, kw_only=True):
    version: int = 1
    tokens: tuple[TokenRecord, ...] = ()


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def read_tokens(path: Path) -> TokenFile:
    """Raises `InvalidError` where the file is missing, unreadable, or not of this format."""
    try:
        file = msgspec.json.decode(path.read_bytes(), type=TokenFile)
        for record in file.tokens:
            record.expires_micros()
    except FileNotFoundError:
        raise InvalidError(
            f"the tokens file {path} does not exist", hint=f"taskjob token create --file {path}"
        ) from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise InvalidError(f"the tokens file {path} cannot be read: {error}") from error
    if file.version != 1:
        raise InvalidError(f"the tokens file {path} has version {file.version}; this TaskJob reads version 1")
    return file


def create_token(
    path: Path,
    *,
    scopes: Sequence[Scope],
    now: Micros,
    name: str = "",
    namespaces: Sequence[str] = ("default",),
    queues: Sequence[str] = (),
    expires_in_seconds: int | None = None,
) -> tuple[str, TokenRecord]:
    """Add a token; the text returned is shown once and stored nowhere. The first namespace is its default.

    Raises `InvalidError` for no scope, no namespace, a lifetime below a second, or a queue that is no
    `namespace/queue`.
    """
    _check_request(scopes, namespaces, queues, expires_in_seconds)
    token_id = secrets.token_hex(6)
    token = f"taskjob_{token_id}_{secrets.token_hex(32)}"
    serves = tuple(queues) or tuple(f"{namespace}/*" for namespace in namespaces) * (Scope.WORKER in scopes)
    record = TokenRecord(
        id=token_id,
        sha256=hash_token(token),
        name=name,
        scopes=tuple(scopes),
        namespaces=tuple(namespaces),
        queues=serves,
        created_at=format_time(now),
        expires_at=None if expires_in_seconds is None else format_time(now + expires_in_seconds * 1_000_000),
    )
    with _rewriting(path) as file:
        _replace(path, TokenFile(tokens=(*file.tokens, record)))
    return token, record


def revoke_token(path: Path, token_id: str) -> TokenRecord:
    """Remove a token by its id. Raises `NotFoundError`."""
    with _rewriting(path) as file:
        found = next((record for record in file.tokens if record.id == token_id), None)
        if found is None:
            raise NotFoundError(f"no token {token_id!r} in {path}", hint="taskjob token list")
        _replace(path, TokenFile(tokens=tuple(record for record in file.tokens if record.id != token_id)))
    return found


def _check_request(
    scopes: Sequence[Scope], namespaces: Sequence[str], queues: Sequence[str], expires_in_seconds: int | None
) -> None:
    if not scopes:
        raise InvalidError("a token needs a scope", hint=", ".join(Scope))
    if not namespaces:
        raise InvalidError("a token needs a namespace", hint="`*` stands for all")
    if any(queue.count("/") != 1 for queue in queues):
        raise InvalidError("write queues as namespace/queue, for example default/images or default/*")
    if expires_in_seconds is not None and expires_in_seconds < 1:
        raise InvalidError("a token must live for at least a second")


@contextmanager
def _rewriting(path: Path) -> Iterator[TokenFile]:
    """The file's content, while no other process rewrites it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield read_tokens(path) if path.exists() else TokenFile()
    finally:
        os.close(lock)


def _replace(path: Path, file: TokenFile) -> None:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
