"""Whether a TaskQueue may scale a Deployment that others refer to as well."""

from __future__ import annotations

from typing import Any

from taskjob_operator.queues.sharing import conflict
from taskjob_operator.resources.names import owner_reference

DEPLOYMENT = {"metadata": {"namespace": "media", "name": "pool", "uid": "uid-pool"}}


def queue(name: str, uid: str, replicas: int) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "media", "name": name, "uid": uid},
        "spec": {"deploymentRef": {"name": "pool"}, "replicas": replicas},
    }


def test_a_taskqueue_never_disagrees_with_a_later_edit_of_itself() -> None:
    """The list may be newer than the look."""
    own, other = queue("images", "uid-1", 3), queue("films", "uid-2", 3)

    assert conflict(DEPLOYMENT, own, 3, [queue("images", "uid-1", 5), other]) is None


def test_a_taskqueue_that_wants_another_number_is_in_the_way() -> None:
    own = queue("images", "uid-1", 3)

    found = conflict(DEPLOYMENT, own, 3, [own, queue("films", "uid-2", 5)])

    assert found is not None
    assert "films (5)" in found.message


def test_workers_that_a_taskqueue_itself_once_declared_are_its_own_to_scale() -> None:
    own = queue("images", "uid-1", 3)

    def made_for(uid: str) -> dict[str, Any]:
        return {"metadata": DEPLOYMENT["metadata"] | {"ownerReferences": [owner_reference("images", uid)]}}

    assert conflict(made_for("uid-1"), own, 3, [own]) is None
    assert conflict(made_for("uid-2"), own, 3, [own]) is not None
