"""The state machine over each store. The last test prints how often each rule was taken and refuses a run that took
one too rarely."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from rule_counts import STEPS
from store_machine import StoreMachine
from store_world import STORES

EXAMPLES = 40
EXAMPLES_OF_A_ROUND = 15
MOST_ROUNDS = 12
STEPS_PER_EXAMPLE = 40
LEAST_STEPS = 2_000
LEAST_STEPS_OF_A_RULE = 30
pytestmark = pytest.mark.uncovered

MARKED = [pytest.param(store, marks=getattr(pytest.mark, store)) for store in STORES]


@pytest.mark.parametrize("store", MARKED)
def test_the_store_keeps_to_the_oracle(store) -> None:
    """Rounds go on, with more weight on the rules that came rarely, until every rule was taken often enough."""
    machine = type(f"{store.title()}Machine", (StoreMachine,), {"store": store})
    explore(machine, EXAMPLES)
    for weight in range(8, 8 + MOST_ROUNDS):
        rare = rarely_taken(store)
        if not rare and STEPS[store].total() >= LEAST_STEPS:
            break
        weights = {f"{name}_{number}": getattr(StoreMachine, name) for name in rare for number in range(weight)}
        explore(type(machine.__name__, (machine,), weights), EXAMPLES_OF_A_ROUND)


def explore(machine: type[StoreMachine], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS_PER_EXAMPLE,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate,),  # add Phase.shrink (minutes) for the shortest failing run
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def all_rules() -> list[str]:
    methods = [getattr(StoreMachine, name) for name in dir(StoreMachine)]
    return sorted({method.__name__ for method in methods if hasattr(method, "hypothesis_stateful_rule")})


def rarely_taken(store: str) -> list[str]:
    return [name for name in all_rules() if STEPS[store][name] < LEAST_STEPS_OF_A_RULE]


@pytest.mark.parametrize("store", MARKED)
def test_every_rule_was_taken_often_enough(store) -> None:
    if not STEPS[store]:
        pytest.skip("the state machine was not run in this session")
    print(f"\n{store}: {STEPS[store].total()} steps")
    for name in all_rules():
        print(f"  {STEPS[store][name]:5} {name}")
    assert STEPS[store].total() >= LEAST_STEPS
    assert rarely_taken(store) == []
