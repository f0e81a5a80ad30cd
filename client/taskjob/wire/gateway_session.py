"""The server's side of a session: which message may come when, and what it asks for. Counterpart of `worker_session`.

Sans-IO: a worker's message goes in, an intent comes out or `RefusedError` with the answer. It never reads a clock,
calls a store or writes to a connection; both carriers drive the same machine, and differ in two facts only that
stand in `Carrier`.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import chain

import msgspec

from taskjob.wire.message_limits import MAX_WAIT_SECONDS, RefusedError, check, kept_progress, kept_settle
from taskjob.wire.messages import (
    MAX_ITEMS,
    SUPPORTED_PROTOCOLS,
    Bye,
    Drain,
    Exchange,
    FromWorker,
    Progress,
    Register,
    Renew,
    Resume,
    Settle,
    Submit,
    Verdict,
)

__all__ = ["Carrier", "Close", "Enter", "GatewaySession", "KeepAlive", "Return", "StopWork", "SubmitJobs", "Work"]

MAX_CREDIT = 10 * MAX_ITEMS
"""Jobs that one connection may have asked for and not received."""


class Carrier(StrEnum):
    """TCP: a connection is one session's, `want` adds up, seq grows by one. HTTP: each message names its session,
    `want` is for one call, and the last seq may come again."""

    TCP = "tcp"
    HTTP = "http"


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What a legal message asks for."""


class Enter(Intent, frozen=True, kw_only=True):
    """Open a session; answer with `welcome` in `protocol`."""

    register: Register
    protocol: int


class Return(Intent, frozen=True, kw_only=True):
    """Continue a session under a new epoch; answer with `welcome`, or `error` SessionGone."""

    resume: Resume
    protocol: int


class Work(Intent, frozen=True, kw_only=True):
    """Carry out an exchange in the order logs, started and progress, settles, want. `settles` and `progress` stand for
    the exchange's: with values as they are kept, and without those that `rejected` answers. `want` and `wait_seconds`
    are within bounds."""

    exchange: Exchange
    settles: tuple[Settle, ...]
    progress: tuple[Progress, ...]
    rejected: tuple[Verdict, ...]
    want: int
    wait_seconds: float


class SubmitJobs(Intent, frozen=True, kw_only=True):
    submit: Submit


class KeepAlive(Intent, frozen=True, kw_only=True):
    renew: Renew


class StopWork(Intent, frozen=True, kw_only=True):
    """Outstanding want is void; running jobs go on."""


class Close(Intent, frozen=True, kw_only=True):
    """End the session and hand back what it holds."""


AnyIntent = Enter | Return | Work | SubmitJobs | KeepAlive | StopWork | Close


class GatewaySession:
    """One connection over TCP, or one session's calls over HTTP.

    Before `bound` only `register`, `resume` or `renew` are legal; a connection that began with `renew` is a
    guardian's and stays unbound. After `ended` nothing is.
    """

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.credit = 0
        """Jobs asked for and not yet granted (TCP)."""
        self.draining = False
        self._state = "new"
        self._seq = 0

    def bound(self) -> None:
        """The session was opened or resumed, and `welcome` is the answer."""
        self._state = "bound"

    def ended(self) -> None:
        """The session is not this worker's any more."""
        self._state = "ended"

    def granted(self, jobs: int) -> None:
        """So many jobs were sent."""
        self.credit = max(0, self.credit - jobs)

    def receive(self, message: FromWorker) -> AnyIntent:  # noqa: PLR0911 - one return a message
        """What the message asks for. Raises `RefusedError` with the answer to send."""
        check(message)
        self._check_order(message)
        match message:
            case Exchange():
                return self._work(message)
            case Register():
                protocol = negotiate(message.protocol)
                self._state = "opening"
                return Enter(register=message, protocol=protocol)
            case Resume():
                protocol = negotiate(message.protocol)
                self._state = "opening"
                return Return(resume=message, protocol=protocol)
            case Submit():
                return SubmitJobs(submit=message)
            case Renew():
                self._state = "guardian" if self._state == "new" else self._state
                return KeepAlive(renew=message)
            case Drain():
                self.draining = True
                self.credit = 0
                return StopWork()
            case Bye():
                self._state = "ended"
                return Close()

    def _check_order(self, message: FromWorker) -> None:
        state = self._state
        if state == "bound":
            if isinstance(message, Register | Resume):
                raise RefusedError("OutOfOrder", "this connection has its session already")
            if self.carrier is Carrier.HTTP:
                _check_named(message)
        elif state == "new":
            if not isinstance(message, Register | Resume | Renew):
                raise RefusedError("OutOfOrder", "the first message is register or resume")
        elif state == "guardian":
            if not isinstance(message, Renew):
                raise RefusedError("OutOfOrder", "a connection that began with renew takes nothing else")
        elif state == "opening":
            raise RefusedError("OutOfOrder", "wait for welcome")
        else:
            raise RefusedError("SessionGone", "the session is over; register anew")

    def _work(self, message: Exchange) -> Work:
        self._check_seq(message.seq)
        settles, progress, rejected = _kept(message)
        want = 0 if self.draining else message.want
        if self.carrier is Carrier.TCP:
            if self.credit + want > MAX_CREDIT:
                raise RefusedError("TooLarge", f"want: at most {MAX_CREDIT} jobs may be outstanding")
            self.credit += want
        return Work(
            exchange=message,
            settles=settles,
            progress=progress,
            rejected=rejected,
            want=want,
            wait_seconds=min(message.wait_seconds, MAX_WAIT_SECONDS),
        )

    def _check_seq(self, seq: int) -> None:
        """TCP: the first may be any, then each is one more. HTTP: never lower than the last (which may have been
        seen by another replica); the same again is a repeat."""
        last, self._seq = self._seq, seq
        if self.carrier is Carrier.TCP:
            if last and seq != last + 1:
                self._seq = last
                raise RefusedError("OutOfOrder", f"seq: expected {last + 1}, got {seq}")
        elif seq < last:
            self._seq = last
            raise RefusedError("OutOfOrder", f"seq: expected {last} again or more, got {seq}")


def negotiate(offered: tuple[int, ...]) -> int:
    """The highest version that both speak. Raises `RefusedError` that names the supported ones."""
    common = set(offered) & set(SUPPORTED_PROTOCOLS)
    if not common:
        raise RefusedError(
            "ProtocolVersion",
            f"this server speaks protocol {', '.join(map(str, SUPPORTED_PROTOCOLS))}; "
            f"the worker offers {', '.join(map(str, offered[:10])) or 'none'}",
        )
    return max(common)


def _kept(message: Exchange) -> tuple[tuple[Settle, ...], tuple[Progress, ...], tuple[Verdict, ...]]:
    """What of an exchange can be kept, and the verdicts of what cannot."""
    if not message.progress and all(settle.result is msgspec.UNSET for settle in message.settle):
        return message.settle, (), ()
    settles = [kept_settle(settle) for settle in message.settle]
    progress = [kept_progress(item) for item in message.progress]
    return (
        tuple(item for item in settles if isinstance(item, Settle)),
        tuple(item for item in progress if isinstance(item, Progress)),
        tuple(item for item in chain(settles, progress) if isinstance(item, Verdict)),
    )


def _check_named(message: FromWorker) -> None:
    if isinstance(message, Exchange | Submit | Drain | Bye) and (message.session is None or message.epoch is None):
        raise RefusedError("BadFrame", "session and epoch are required over HTTP")
