"""Who holds a job, as this process knows it: the last that it was granted to, whatever older holders do."""

import pytest

from taskjob.wire.gateway_session import Carrier, GatewaySession
from taskjob_api.gateway.live import NO_OUTLET, Holding, LiveSession, LiveSessions
from taskjob_engine.store import SessionRef


def live(session, epoch=1):
    return LiveSession(
        SessionRef(session=session, epoch=epoch, principal="token:worker"),
        namespace="default",
        queues=("default",),
        tasks=("noop",),
        slots=1,
        rules=GatewaySession(Carrier.TCP),
        outlet=NO_OUTLET,
    )


@pytest.fixture
def sessions():
    return LiveSessions()


@pytest.fixture
def passed_on(sessions):
    """A job whose first holder still believes in it while a second one was granted it."""
    first, second = live("a"), live("b")
    sessions.add(first)
    sessions.add(second)
    first.hold("job", Holding("old"))
    second.hold("job", Holding("new"))
    return first, second


def test_an_older_holder_that_lets_go_takes_nothing_from_the_newer(sessions, passed_on):
    first, second = passed_on
    first.drop("job", "old")
    assert sessions.holder("job") is second


def test_an_older_holder_that_leaves_takes_nothing_from_the_newer(sessions, passed_on):
    first, second = passed_on
    sessions.remove(first)
    assert sessions.holder("job") is second


def test_the_holder_itself_lets_go_and_leaves(sessions, passed_on):
    _, second = passed_on
    second.drop("job", "other")
    assert sessions.holder("job") is second
    second.drop("job", "new")
    assert sessions.holder("job") is None
    second.hold("next", Holding("lease"))
    sessions.remove(second)
    assert sessions.holder("next") is None


def test_a_resumed_epoch_replaces_the_older_and_its_late_end_changes_nothing(sessions):
    other, older, newer = live("z"), live("a"), live("a", epoch=2)
    sessions.add(other)
    assert sessions.add(older) is None
    newer.held["job"] = Holding("lease")
    assert sessions.add(newer) is older
    assert sessions.is_current(newer)
    assert not sessions.is_current(older)
    sessions.remove(older)
    assert (sessions.get("a"), sessions.get("z"), len(sessions)) == (newer, other, 2)
    assert sessions.holder("job") is newer
    assert sessions.of("token:worker") == 2
