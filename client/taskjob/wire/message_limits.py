"""How large and how odd the content of a worker's message may be. Pure checks; order and state are the session's.

What can be mended for the worker (an overlong error text or log chunk) is cut; a result or checkpoint that cannot be
kept costs only itself (verdict `rejected`); the rest is a worker's programming error and refused as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import msgspec

from taskjob.model import AttemptOutcome, is_identifier, names
from taskjob.model.job import ErrorInfo
from taskjob.wire.json_values import compact
from taskjob.wire.messages import (
    MAX_CHECKPOINT_BYTES,
    MAX_ITEMS,
    MAX_LOG_CHUNK_BYTES,
    MAX_RESULT_BYTES,
    Bye,
    Drain,
    Exchange,
    Failure,
    FromWorker,
    Held,
    LogChunk,
    ProcessIdentity,
    Progress,
    Register,
    Renew,
    Resume,
    Settle,
    Started,
    Submit,
    Verdict,
    Witness,
)

MAX_WORKER_NAME = 128
MAX_NAMES = 64 * 1024
MAX_ID = 64
MAX_INTEGER = 2**53
"""Beyond it neither every language nor every store keeps an integer."""

MAX_LOG_NUMBER = 999_999
MAX_PROGRESS = 128
MAX_SLOTS = 10_000
MAX_HOLDING = 10 * MAX_ITEMS
MAX_WAIT_SECONDS = 30.0
MAX_DELAY_SECONDS = 366 * 86_400.0
MAX_ERROR_TYPE = 256
MAX_ERROR_MESSAGE = 8 * 1024
MAX_TRACEBACK = 32 * 1024


class RefusedError(Exception):
    """The message is refused; `failure` is the answer."""

    def __init__(self, code: str, detail: str, *, fatal: bool = True) -> None:
        super().__init__(detail)
        self.failure = Failure(code=code, detail=detail, fatal=fatal)


def check(message: FromWorker) -> None:
    """Raise `RefusedError` (TooLarge, BadFrame) where a list, text or number is out of bounds."""
    match message:
        case Exchange():
            _check_session(message.session, message.epoch)
            _check_exchange(message)
        case Register():
            _check_register(message)
        case Resume():
            _check_session(message.session, message.epoch)
            _count("protocol", len(message.protocol))
            _count("holding", len(message.holding), MAX_HOLDING)
            _leases("holding", message.holding)
            _check_proofs(message.process, message.witness)
        case Submit():
            _check_session(message.session, message.epoch)
            _integer("request", message.request)
            _count("items", len(message.items))
        case Renew() | Drain() | Bye():
            _check_session(message.session, message.epoch)


def kept_settle(settle: Settle) -> Settle | Verdict:
    """The settle with its result as it is kept, or the verdict that refuses it."""
    if settle.result is msgspec.UNSET:
        return settle
    if len(memoryview(settle.result)) > MAX_RESULT_BYTES:
        return _rejected(settle, "TooLarge")
    try:
        result = compact(bytes(settle.result))
    except ValueError:
        return _rejected(settle, "InvalidResult")
    if len(result) > MAX_RESULT_BYTES:
        return _rejected(settle, "TooLarge")
    return msgspec.structs.replace(settle, result=msgspec.Raw(result))


def kept_progress(progress: Progress) -> Progress | Verdict:
    """The progress with its checkpoint as it is kept, or the verdict that refuses it."""
    if progress.checkpoint is msgspec.UNSET:
        return progress
    try:
        checkpoint = compact(bytes(progress.checkpoint))
    except ValueError:
        return _rejected(progress, "InvalidCheckpoint")
    if len(checkpoint) > MAX_CHECKPOINT_BYTES:
        return _rejected(progress, "InvalidCheckpoint")
    return msgspec.structs.replace(progress, checkpoint=msgspec.Raw(checkpoint))


def _rejected(item: Settle | Progress, reason: str) -> Verdict:
    return Verdict(job=item.job, lease=item.lease, verdict="rejected", reason=reason)


def cut_error(error: ErrorInfo | None) -> ErrorInfo | None:
    """The error with overlong texts cut."""
    if error is None:
        return None
    traceback = error.traceback
    if (
        len(error.type) <= MAX_ERROR_TYPE
        and len(error.message) <= MAX_ERROR_MESSAGE
        and (traceback is None or len(traceback) <= MAX_TRACEBACK)
    ):
        return error
    return ErrorInfo(
        type=error.type[:MAX_ERROR_TYPE],
        message=error.message[:MAX_ERROR_MESSAGE],
        # The end of a traceback says where it happened.
        traceback=None if traceback is None else traceback[-MAX_TRACEBACK:],
    )


def cut_log(text: str) -> str:
    """The chunk with what is over the limit cut."""
    if len(text) * 4 <= MAX_LOG_CHUNK_BYTES:
        return text
    data = text.encode("utf-8", "replace")
    return data[:MAX_LOG_CHUNK_BYTES].decode("utf-8", "ignore") if len(data) > MAX_LOG_CHUNK_BYTES else text


def _check_register(message: Register) -> None:
    for field, text in (("worker", message.worker), ("version", message.version)):
        if len(text) > MAX_WORKER_NAME or not text.isprintable():
            raise RefusedError("BadFrame", f"{field}: expected at most {MAX_WORKER_NAME} printable characters")
    if not message.worker:
        raise RefusedError("BadFrame", "worker: a worker has a name")
    _check_served(message)
    if not 1 <= message.slots <= MAX_SLOTS:
        raise RefusedError("BadFrame", f"slots: expected 1 to {MAX_SLOTS}, got {message.slots}")
    _count("protocol", len(message.protocol))
    _check_proofs(message.process, message.witness)


def _check_served(message: Register) -> None:
    _count("queues", len(message.queues))
    _count("tasks", len(message.tasks))
    if not message.queues:
        raise RefusedError("BadFrame", "queues: a worker serves at least one queue")
    namespaces = () if message.namespace is None else (message.namespace,)
    _names("namespace", namespaces, names.is_namespace)
    _names("queues", message.queues, names.is_queue)
    _names("tasks", message.tasks, names.is_task)
    if sum(map(len, message.queues)) + sum(map(len, message.tasks)) > MAX_NAMES:
        raise RefusedError("TooLarge", f"queues and tasks: at most {MAX_NAMES} characters of names together")


def _check_proofs(process: ProcessIdentity | None, witness: Witness | None) -> None:
    if process is not None:
        if len(process.host) > MAX_ID:
            raise RefusedError("BadFrame", f"process.host: at most {MAX_ID} characters")
        _integer("process.pid", process.pid)
        _integer("process.pidNamespace", process.pid_namespace)
        _integer("process.started", process.started)
    if witness is not None:
        _check_witness(witness)


def _check_witness(witness: Witness) -> None:
    _integer("witness.seq", witness.seq)
    for field in ("incarnation", "signature"):
        if len(getattr(witness, field)) > MAX_ID:
            raise RefusedError("BadFrame", f"witness.{field}: at most {MAX_ID} characters")


def _check_exchange(message: Exchange) -> None:
    _integer("seq", message.seq, least=1)
    if message.witness is not None:
        _check_witness(message.witness)
    if not 0 <= message.want <= MAX_ITEMS:
        raise RefusedError("TooLarge", f"want: expected 0 to {MAX_ITEMS}, got {message.want}")
    _number("waitSeconds", message.wait_seconds)
    _check_settles(message.settle)
    if message.started or message.progress or message.logs or message.holding:
        _check_tidings(message)


def _check_settles(settles: tuple[Settle, ...]) -> None:
    if len(settles) > MAX_ITEMS:
        _count("settle", len(settles))
    lease = None
    for settle in settles:
        if settle.lease != lease:  # no fence: hundreds share one, looked at once
            lease = settle.lease
            if not is_identifier(lease):
                raise _no_identifiers("settle")
        if not is_identifier(settle.job):
            raise _no_identifiers("settle")
        if settle.outcome is AttemptOutcome.LOST:
            raise RefusedError("BadFrame", "settle: only the server declares a delivery lost")
        if settle.duration_seconds != 0.0:
            _number("settle.durationSeconds", settle.duration_seconds)
        if settle.delay_seconds is not None:
            _number("settle.delaySeconds", settle.delay_seconds)


def _check_tidings(message: Exchange) -> None:
    _count("holding", len(message.holding or ()), MAX_HOLDING)
    _count("started", len(message.started))
    _count("progress", len(message.progress))
    _count("logs", len(message.logs))
    _leases("holding", message.holding or ())
    _leases("started", message.started)
    _leases("progress", message.progress)
    _leases("logs", message.logs)
    for started in message.started:
        _number("started.agoSeconds", started.ago_seconds)
    for item in message.progress:
        if item.progress is not None and len(item.progress) > MAX_PROGRESS:
            raise RefusedError("TooLarge", f"progress: at most {MAX_PROGRESS} characters")
        if item.checkpoint is not msgspec.UNSET and len(memoryview(item.checkpoint)) > MAX_CHECKPOINT_BYTES:
            raise RefusedError("TooLarge", f"checkpoint: at most {MAX_CHECKPOINT_BYTES} bytes")
    for chunk in message.logs:
        _integer("logs.number", chunk.number, most=MAX_LOG_NUMBER)


def _count(field: str, count: int, limit: int = MAX_ITEMS) -> None:
    if count > limit:
        raise RefusedError("TooLarge", f"{field}: at most {limit} entries, got {count}")


def _names(field: str, texts: tuple[str, ...], is_name: Callable[[str], bool]) -> None:
    for text in texts:
        if not is_name(text):
            raise RefusedError("BadFrame", f"{field}: {text[:64]!r} is no name that a job could have there")


def _check_session(session: str | None, epoch: int | None) -> None:
    if session is not None and not is_identifier(session):
        raise RefusedError("BadFrame", "session: expected 32 hexadecimal digits")
    if epoch is not None:
        _integer("epoch", epoch)


def _leases(field: str, items: Iterable[Held | Started | Progress | LogChunk]) -> None:
    for item in items:
        if not (is_identifier(item.job) and is_identifier(item.lease)):
            raise _no_identifiers(field)


def _no_identifiers(field: str) -> RefusedError:
    return RefusedError("BadFrame", f"{field}: job and lease are 32 lower-case hexadecimal digits each")


def _integer(field: str, number: int, *, least: int = 0, most: int = MAX_INTEGER) -> None:
    if not least <= number <= most:
        raise RefusedError("BadFrame", f"{field}: expected an integer from {least} to {most}")


def _number(field: str, seconds: float) -> None:
    if not (math.isfinite(seconds) and 0.0 <= seconds <= MAX_DELAY_SECONDS):
        raise RefusedError("BadFrame", f"{field}: expected seconds from 0 to {MAX_DELAY_SECONDS:.0f}, got {seconds}")
