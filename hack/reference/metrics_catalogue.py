"""The metrics of the api, from the engine's catalogue."""

from __future__ import annotations

from taskjob_engine.catalogue import CATALOGUE


def render() -> str:
    lines = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for metric in CATALOGUE:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(lines)
