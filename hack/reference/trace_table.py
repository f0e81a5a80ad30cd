"""The trace table: each thing that must be shown, with the tests and commands that show it.

Tests are found in the source by name, so the table cannot name one that is not there. A row without a test that
really runs is shown as **missing**, which the meta test of the table refuses.
"""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import trace_cluster
import trace_cluster_faults
import trace_custom_resources
import trace_identity
import trace_install
import trace_items
import trace_operator
import trace_operator_door
import trace_promises
import trace_queues

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
MOST_SHOWN = 6
MISSING = "**missing**"


def decorated_to_skip(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Skipped always, or expected to fail. `skipif` is judged where it runs: with CI=true it must not skip."""
    return any(re.search(r"\bmark\.(skip|xfail)\b(?!if)", ast.unparse(mark)) for mark in node.decorator_list)


def tests_in(body: Iterable[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not decorated_to_skip(node):
            if node.name.startswith("Test"):
                yield from tests_in(node.body, f"{prefix}{node.name}::")
        elif (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name.startswith("test")
            and not decorated_to_skip(node)
        ):
            yield prefix + node.name
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).endswith(".TestCase"):
            yield prefix + ast.unparse(node.targets[0])


@cache
def all_tests() -> tuple[str, ...]:
    """`path::name` below tests/, in order."""
    return tuple(
        f"{path.relative_to(TESTS)}::{name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for name in tests_in(ast.parse(path.read_text()).body, "")
    )


@cache
def make_targets() -> frozenset[str]:
    return frozenset(
        f"make {name}" for name in re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )


def shown_by(patterns: Iterable[str]) -> list[str]:
    """What the patterns name, in their order, each once."""
    found: dict[str, None] = {}
    for pattern in patterns:
        if pattern.startswith("make "):
            found |= {pattern: None} if pattern in make_targets() else {}
        else:
            found |= dict.fromkeys(test for test in all_tests() if fnmatch.fnmatchcase(test, pattern))
    return list(found)


def cell(names: list[str]) -> str:
    if not names:
        return MISSING
    shown = [f"`{name if name.startswith('make ') else 'tests/' + name}`" for name in names[:MOST_SHOWN]]
    return "<br>".join([*shown, "and more"] if len(names) > MOST_SHOWN else shown)


def table(rows: Iterable[trace_items.Row]) -> str:
    lines = ["| | what | shown by |", "|---|---|---|"]
    lines += [f"| {name} | {what} | {cell(shown_by(patterns))} |" for name, what, patterns in rows]
    return "\n".join(lines)


def render_items() -> str:
    sections = {
        "The house": trace_items.HOUSE,
        "The vocabulary": trace_items.VOCABULARY,
        "The engine": trace_items.ENGINE,
        "The api": trace_items.API,
        "The worker protocol": trace_items.PROTOCOL,
        "The worker": trace_items.WORKER,
        "SDK and command line": trace_items.SDK,
        "Examples and longer runs": trace_items.EXAMPLES,
        "Custom resources": trace_custom_resources.CUSTOM_RESOURCES,
        "Identity in a cluster": trace_identity.IDENTITY,
        "The operator protocol": trace_operator_door.OPERATOR_DOOR,
        "TaskJobs in a cluster": trace_operator.OPERATOR,
        "TaskQueues in a cluster": trace_queues.QUEUES,
        "An installation in a cluster": trace_install.INSTALL,
        "A cluster to test on": trace_cluster.CLUSTER,
        "Faults in a cluster": trace_cluster_faults.FAULTS,
    }
    return "\n\n".join(f"### {title}\n\n{table(rows)}" for title, rows in sections.items())


def render_bad_input() -> str:
    return table(trace_promises.BAD_INPUT)


def render_scenarios() -> str:
    return table((f"S{n}", what, (f"*::*scenario_{n:02}_*",)) for n, what in trace_promises.SCENARIOS.items())


def render_promises() -> str:
    return table(trace_promises.PROMISES)
