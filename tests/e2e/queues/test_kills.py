"""The operator killed at each write that it makes for a TaskQueue: the end is that of an undisturbed life.

Once a write took effect, all that the operator knew is gone with it and the next one finds what is there; so each
point between two writes is met by killing it after the first of them, before it has the answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from control_plane import ControlPlane
from counting_proxy import CountingProxy
from live_operator import Stack, eventually
from live_queues import Queues
from operator_killer import Killer
from own_thread import running

from taskjob_operator.resources.names import REPLICAS_MANAGER

MOST_WRITES = 16
"""A life has no more; the first one that ends undisturbed is the last."""

OBJECTS = {"taskqueues", "deployments", "poddisruptionbudgets"}
Step = tuple[str, Callable[[], object], Callable[[], bool]]


class Life:
    """One TaskQueue: made with three workers, edited in all that it writes through, deleted."""

    def __init__(self, queues: Queues, stack: Stack, name: str) -> None:
        self._queues = queues
        self._stack = stack
        self._name = name
        self._workers = ""

    def steps(self) -> Iterator[Step]:
        """What to do, and whether it has been followed."""
        queues, name = self._queues, self._name
        first, second = {"image": "first:1"}, {"image": "second:2"}
        yield (
            "made",
            lambda: queues.create(name, worker=first, replicas=3, limits={"maxConcurrency": 3}),
            lambda: self._followed("first:1", workers=3, limit=3),
        )
        self._workers = queues.deployment(name)["metadata"]["uid"]  # type: ignore[index]
        yield (
            "edited",
            lambda: queues.edit(name, worker=second, replicas=1, limits={"maxConcurrency": 4}),
            lambda: self._followed("second:2", workers=1, limit=4),
        )
        assert self._workers == queues.deployment(name)["metadata"]["uid"]  # type: ignore[index]
        yield "deleted", lambda: queues.delete(name), self._gone

    def _followed(self, image: str, *, workers: int, limit: int) -> bool:
        found = self._queues.get(self._name)
        status = found.get("status") or {}
        live = self._queues.deployment(self._name)
        engine = self._stack.engine_queue(self._queues.namespace, self._name)
        return (
            status.get("observedGeneration") == found["metadata"]["generation"]
            and status.get("desiredReplicas") == workers
            and (self._queues.image(self._name), self._queues.replicas(self._name)) == (image, workers)
            and live is not None
            and _managers_of_replicas(live) == {REPLICAS_MANAGER}
            and [owner["uid"] for owner in live["metadata"]["ownerReferences"]] == [found["metadata"]["uid"]]
            and self._has_budget() == (workers > 1)
            and engine.get("limits", {}).get("maxConcurrency") == limit
        )

    def _gone(self) -> bool:
        """The cluster takes what the TaskQueue owned, without the operator; the api is told by it."""
        engine = self._stack.engine_queue(self._queues.namespace, self._name)
        return self._queues.deployment(self._name) is None and not self._has_budget() and engine.get("deleted") is True

    def _has_budget(self) -> bool:
        return self._queues.object(f"policy/v1 poddisruptionbudgets/taskqueue-{self._name}") is not None


def _managers_of_replicas(deployment: dict[str, object]) -> set[str]:
    """Whoever would have a say in it at the next apply."""
    fields = deployment["metadata"]["managedFields"]  # type: ignore[index]
    return {each["manager"] for each in fields if "f:replicas" in each["fieldsV1"].get("f:spec", {})}


@contextlib.contextmanager
def proxies(queues: Queues, stack: Stack) -> Iterator[tuple[CountingProxy, CountingProxy]]:
    """Of the API server and of the api."""
    place = f"/namespaces/{queues.namespace}/"

    def written(method: str, path: str) -> bool:
        _, here, rest = path.partition(place)
        return bool(here) and method not in {"GET", "HEAD"} and rest.split("/")[0] in OBJECTS

    cluster = CountingProxy(queues.plane.url, counted=written, cafile=queues.plane.authority)
    api = CountingProxy(stack.url, counted=lambda _, path: path.endswith("/queues/ensure"))
    with running(cluster), running(api):
        yield cluster, api


@pytest.mark.uncovered
@pytest.mark.parametrize(
    "write",
    [
        "PATCH deployments",
        "PATCH poddisruptionbudgets",
        "DELETE poddisruptionbudgets",
        "PATCH taskqueues",
        "POST ensure",
    ],
)
def test_killed_at_each_write_for_a_queue_it_ends_as_undisturbed(plane: ControlPlane, stack: Stack, write: str) -> None:
    """Writes of one sort at a time: how many of another go before depends on what the operator sees in one look."""
    queues = Queues(plane)
    kills = 0
    with proxies(queues, stack) as (cluster, api), contextlib.ExitStack() as operators:
        kubeconfig = plane.kubeconfig_through(cluster.url)
        proxy = api if write == "POST ensure" else cluster

        operator = operators.enter_context(stack.operator(kubeconfig, API_URL=api.url))
        for number, when in [(1, "before"), *((number, "after") for number in range(1, MOST_WRITES + 1))]:
            killer = Killer(operator, proxy, number, when, lambda change: _gist(change) == write)
            fired = killer.fired.is_set
            name = f"{write.replace(' ', '-').lower()}-{number}-{when}"
            for step, act, reached in Life(queues, stack, name).steps():
                act()
                _until_either(killer, reached, f"{step}, with {kills} kills before")
                if fired() and operator is killer.operator:
                    operator = operators.enter_context(stack.successor(kubeconfig, API_URL=api.url))
                    kills += 1
                    eventually(reached, f"{step}, killed {when} {write} {number}")
            if not fired():
                break
    assert not fired(), "a life without a kill is the last"
    assert kills >= 2


def _until_either(killer: Killer, reached: Callable[[], bool], what: str) -> None:
    eventually(lambda: killer.fired.is_set() or (reached() and not killer.undecided), what)


def _gist(change: str) -> str:
    method, _, path = change.partition(" ")
    return f"{method} {next((word for word in path.split('/') if word in OBJECTS), path.rpartition('/')[2])}"
