"""The metrics of api and worker, from the places that declare them."""

from __future__ import annotations

import ast
import inspect
import textwrap


def row(name: str, kind: str, labels: tuple[str, ...], meaning: str) -> str:
    shown = ", ".join(f"`{label}`" for label in labels) or "none"
    return f"| `{name}` | {kind} | {shown} | {meaning.rstrip('.')} |"


def table(rows: list[str]) -> str:
    return "\n".join(["| metric | kind | labels | meaning |", "|---|---|---|---|", *rows])


def render_api() -> str:
    from taskjob_engine.catalogue import CATALOGUE

    return table([row(metric.name, metric.kind, metric.labels, metric.help) for metric in CATALOGUE])


def render_operator() -> str:
    from taskjob_operator.metrics import CATALOGUE

    return table([row(metric.name, metric.kind, metric.labels, metric.help) for metric in CATALOGUE])


def render_worker() -> str:
    """Counters and histograms as they are collected after one job, gauges as the supervisor declares them."""
    from taskjob.model import AttemptOutcome
    from taskjob_worker.metrics import Metrics
    from taskjob_worker.supervisor import Supervisor

    metrics = Metrics()
    metrics.processed("demo", AttemptOutcome.COMPLETED, 0.1)
    rows = []
    for family in metrics.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = tuple(label for label in family.samples[0].labels if label != "le")
        rows.append(row(name, family.type, labels, family.documentation))
    return table(rows + [row(name, "gauge", (), meaning) for name, meaning in gauges(Supervisor._gauges)])  # noqa: SLF001


def gauges(function: object) -> list[tuple[str, str]]:
    """(name, help) of the dictionary that the function returns."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
    mapping = next(node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    return [
        (str(key.value), str(value.elts[0].value))
        for key, value in zip(mapping.keys, mapping.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Tuple) and isinstance(value.elts[0], ast.Constant)
    ]
