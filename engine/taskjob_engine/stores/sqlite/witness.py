"""The verb `witness`: a store that was restored from an older copy voids the leases it brought back (G3)."""

from __future__ import annotations

from collections.abc import Callable

from taskjob.model import AttemptOutcome
from taskjob_engine.lifecycle.fencing import INCARNATION_CHANGED
from taskjob_engine.lifecycle.transitions import Ending
from taskjob_engine.policies.sessions import closed
from taskjob_engine.stores.sqlite import session_rows
from taskjob_engine.stores.sqlite.deliveries import end_delivery, leases_of
from taskjob_engine.stores.sqlite.transaction import Transaction


def witness(tx: Transaction, incarnation: str, seq: int, *, new_id: Callable[[], str]) -> bool:
    """Whether a rollback was proved; then the incarnation is another one."""
    if incarnation != tx.incarnation or seq < tx.seq:
        return False
    for session in session_rows.select(tx.connection, "true", ()):
        for loaded in leases_of(tx, session.id):
            end_delivery(tx, loaded, Ending(AttemptOutcome.RELEASED, error=INCARNATION_CHANGED))
        if not session.closed:
            session_rows.write(tx.connection, closed(session, now=tx.now))
    tx.incarnation = new_id()
    tx.connection.execute("UPDATE store SET incarnation = ?", (tx.incarnation,))
    return True
