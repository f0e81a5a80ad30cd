"""Sessions that wait for work at the dispatcher: over TCP while they are connected, over HTTP for one call."""

from __future__ import annotations

from taskjob_api.gateway.live import LiveSession, LiveSessions
from taskjob_engine.dispatcher import Dispatcher, Sink


class Parking:
    """`credit` and `withdraw` change nothing for a session that another connection took over, nor does a wait end that
    another sink waits."""

    def __init__(self, dispatcher: Dispatcher, sessions: LiveSessions) -> None:
        self._dispatcher = dispatcher
        self._sessions = sessions

    def park(self, live: LiveSession, want: int) -> None:
        """Let the dispatcher push to the session (TCP)."""
        self._park(live, want, live, None)

    def unpark(self, live: LiveSession) -> None:
        self._dispatcher.unpark(live.ref.session, live)

    def credit(self, live: LiveSession, want: int) -> None:
        if self._sessions.is_current(live):
            self._dispatcher.credit(live.ref.session, want)

    def wait_for_jobs(self, live: LiveSession, want: int, seq: int, sink: Sink) -> None:
        """Let the dispatcher answer one call (HTTP)."""
        self._park(live, want, sink, seq)

    def wait_no_more(self, live: LiveSession, sink: Sink) -> bool:
        """True: a lease call is under way, whose answer still comes."""
        return self._dispatcher.unpark(live.ref.session, sink)

    def withdraw(self, live: LiveSession) -> None:
        """What the session still wants is void."""
        if self._sessions.is_current(live):
            self._dispatcher.withdraw(live.ref.session)

    def _park(self, live: LiveSession, want: int, sink: Sink, seq: int | None) -> None:
        self._dispatcher.park(
            live.ref,
            namespace=live.namespace,
            queues=live.queues,
            tasks=live.tasks,
            want=want,
            sink=sink,
            room=live.room,
            seq=seq,
        )
