"""The operator killed before and after each of its writes, one after the other: the end is that of an undisturbed run.

What it writes are status writes at the API server and calls that change something at the api; both go through proxies
that count them and kill the operator at the chosen one. The next operator takes up from there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from control_plane import ControlPlane
from counting_proxy import CountingProxy
from live_operator import Jobs, Stack, eventually
from operator_killer import Killer
from own_thread import running

MOST_WRITES = 9
"""A life of the three TaskJobs has no more, but for calls that only wait for news."""


@contextlib.contextmanager
def proxies(stack: Stack, plane: ControlPlane) -> Iterator[tuple[CountingProxy, CountingProxy]]:
    """Of the API server and of the api."""
    cluster = CountingProxy(
        plane.url,
        counted=lambda method, path: method not in {"GET", "HEAD"} and "/taskjobs/" in path,
        cafile=plane.authority,
    )
    api = CountingProxy(
        stack.url, counted=lambda _, path: path.endswith(("/jobs/ensure", "/jobs/disown", "/jobs/changes"))
    )
    with running(cluster), running(api):
        yield cluster, api


def live_once(jobs: Jobs, prefix: str) -> None:
    """One TaskJob that completes, one that fails, one that is deleted while it runs."""
    jobs.create(f"{prefix}-sum")
    jobs.create(f"{prefix}-bad", task="fail", payload={"message": "x"}, retry={"maxAttempts": 1})
    jobs.create(f"{prefix}-gone", task="nap", payload={"seconds": 600})


def ended_well(jobs: Jobs, stack: Stack, prefix: str) -> bool:
    """As an undisturbed run ends: two outcomes written, the third job cancelled, no job twice."""
    phases = {one["metadata"]["name"]: one.get("status", {}).get("phase") for one in jobs.all()}
    found: dict[str, list[str]] = {}
    for one in stack.engine_jobs(jobs.namespace):
        found.setdefault(one["name"], []).append(one["phase"])
    return (
        phases.get(f"{prefix}-sum") == "Completed"
        and phases.get(f"{prefix}-bad") == "DeadLetter"
        and f"{prefix}-gone" not in phases
        and found.get(f"{prefix}-sum") == ["completed"]
        and found.get(f"{prefix}-bad") == ["dead_letter"]
        and found.get(f"{prefix}-gone", ["cancelled"]) == ["cancelled"]
    )


def disturbed(jobs: Jobs, stack: Stack, prefix: str, killer: Killer) -> bool:
    """Live once, and whether the operator was killed meanwhile."""
    live_once(jobs, prefix)

    def runs_or_killed() -> bool:
        return killer.fired.is_set() or jobs.status(f"{prefix}-gone").get("phase") == "Running"

    eventually(runs_or_killed, "it runs, or the operator is dead")
    jobs.delete(f"{prefix}-gone")
    eventually(lambda: killer.fired.is_set() or (ended_well(jobs, stack, prefix) and not killer.undecided), "an end")
    return killer.fired.is_set()


@pytest.mark.uncovered
@pytest.mark.parametrize("which", ["statuses", "calls"])
def test_killed_at_each_write_it_ends_as_undisturbed(jobs: Jobs, stack: Stack, plane: ControlPlane, which: str) -> None:
    points = [(number, when) for number in range(1, MOST_WRITES) for when in ("before", "after")]
    killed: list[str] = []
    with proxies(stack, plane) as (cluster, api), contextlib.ExitStack() as operators:
        kubeconfig = plane.kubeconfig_through(cluster.url)
        proxy = cluster if which == "statuses" else api

        operator = operators.enter_context(stack.operator(kubeconfig, API_URL=api.url))
        for number, when in points:
            prefix = f"{which}-{number}-{when}"
            if not disturbed(jobs, stack, prefix, Killer(operator, proxy, number, when)):
                break
            operator = operators.enter_context(stack.successor(kubeconfig, API_URL=api.url))
            eventually(lambda prefix=prefix: ended_well(jobs, stack, prefix), f"{prefix} ends well")
            killed.append(proxy.changes[-1])
    assert len(killed) >= 6
