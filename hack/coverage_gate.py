"""Hold branch coverage against the limits of each component; exit 1 and say where when one is below.

Reads the report of `coverage json`. A component without a single measured file fails too: a package that no
test imports must not look covered.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LIMITS = {
    "engine/taskjob_engine": 95.0,
    "api/taskjob_api": 90.0,
    "client/taskjob": 90.0,
    "worker/taskjob_worker": 90.0,
    "operator/taskjob_operator": 90.0,
}
WORST_FILES = 8


def component_percent(files: dict[str, Any], component: str) -> float | None:
    """Covered statements and branches of a component in percent; None where nothing was measured."""
    summaries = [report["summary"] for path, report in files.items() if f"{component}/" in path]
    total = sum(s["num_statements"] + s["num_branches"] for s in summaries)
    covered = sum(s["covered_lines"] + s["covered_branches"] for s in summaries)
    return 100.0 * covered / total if total else None


def worst_files(files: dict[str, Any], component: str) -> list[str]:
    """The files that miss most, with what they miss."""
    inside = [(path, report) for path, report in files.items() if f"{component}/" in path]
    inside.sort(key=lambda item: item[1]["summary"]["missing_lines"] + item[1]["summary"]["missing_branches"])
    return [
        f"    {path}: {report['summary']['missing_lines']} lines, {report['summary']['missing_branches']} branches"
        f" (lines {', '.join(map(str, report['missing_lines'][:20]))})"
        for path, report in reversed(inside[-WORST_FILES:])
    ]


def main(report: Path) -> int:
    files = json.loads(report.read_text())["files"]
    failed = False
    for component, limit in LIMITS.items():
        percent = component_percent(files, component)
        shown = "nothing measured" if percent is None else f"{percent:5.1f} %"
        short = percent is None or percent < limit
        failed |= short
        print(f"branch coverage  {component:<24} {shown}  (at least {limit:.0f} %){'  TOO LOW' if short else ''}")
        if short:
            print("\n".join(worst_files(files, component)))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
