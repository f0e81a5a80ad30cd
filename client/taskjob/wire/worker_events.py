"""What a worker's session machine tells its worker: the events of `worker_session`."""

from __future__ import annotations

from typing import NamedTuple

from taskjob.wire.messages import CancelOrder, Failure, GoAway, Grant, LostLease, Settle, Submitted, Verdict, Welcome


class Opened(NamedTuple):
    """The connection is bound to a session. Not `resumed`: it is a new one and nothing is held."""

    welcome: Welcome
    resumed: bool


class Granted(NamedTuple):
    grants: tuple[Grant, ...]


class Ordered(NamedTuple):
    """Stop these tasks, then settle them as what became of them."""

    orders: tuple[CancelOrder, ...]


class Lapsed(NamedTuple):
    """Kill these tasks; they are held no longer and must not be settled."""

    lost: tuple[LostLease, ...]


class Answered(NamedTuple):
    """Settles the server has dealt with: those it named, the rest was accepted."""

    settles: tuple[Settle, ...]
    verdicts: tuple[Verdict, ...]


class Refused(NamedTuple):
    """`again` says that a new connection with `hello` is worth trying; else the refusal is final."""

    failure: Failure
    again: bool


Event = Opened | Granted | Ordered | Lapsed | Answered | Refused | Submitted | GoAway
