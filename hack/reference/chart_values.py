"""The chart's values as a table: each line of values.yaml that has a comment `# -- …` above it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

VALUES = Path(__file__).parents[2] / "helm/taskjob/values.yaml"

_LINE = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z]+):")


def described() -> dict[str, str]:
    """Dotted key → what its comment says."""
    found: dict[str, str] = {}
    path: list[str] = []
    comment = ""
    for line in VALUES.read_text().splitlines():
        text = line.strip()
        if text.startswith("# -- "):
            comment = text.removeprefix("# -- ")
        elif (match := _LINE.match(line)) is not None:
            path = [*path[: len(match["indent"]) // 2], match["key"]]
            if comment:
                found[".".join(path)] = comment
            comment = ""
    return found


def render() -> str:
    values = yaml.safe_load(VALUES.read_text())
    rows = ["| value | default | meaning |", "| --- | --- | --- |"]
    for key, meaning in described().items():
        default = values
        for part in key.split("."):
            default = default[part]
        rows.append(f"| `{key}` | `{_inline(default)}` | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def _inline(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
