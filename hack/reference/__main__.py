"""Write the generated regions of docs/ and of the chart's README (`python hack/reference`), or check them (`--check`).

A region stands in a page between `<!-- generated: NAME -->` and `<!-- end generated -->`; what surrounds it is
written by hand. Each NAME is made by one function of this folder, from the code that it describes.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import chart_values
import cli_commands
import custom_resources
import error_codes
import lifecycle_diagram
import metrics_catalogue
import rest_operations
import settings_tables
import trace_table

ROOT = Path(__file__).parents[2]
PAGES = (*sorted((ROOT / "docs").rglob("*.md")), ROOT / "helm/taskjob/README.md")
REGION = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end generated -->)", re.DOTALL)

GENERATORS: dict[str, Callable[[], str]] = {
    "chart-values": chart_values.render,
    "cli-commands": cli_commands.render,
    "error-codes": error_codes.render,
    "job-spec": custom_resources.render_job_spec,
    "job-status": custom_resources.render_job_status,
    "lifecycle-diagram": lifecycle_diagram.render,
    "lifecycle-transitions": lifecycle_diagram.render_table,
    "metrics-api": metrics_catalogue.render_api,
    "metrics-operator": metrics_catalogue.render_operator,
    "metrics-worker": metrics_catalogue.render_worker,
    "queue-spec": custom_resources.render_queue_spec,
    "queue-status": custom_resources.render_queue_status,
    "rest-operations": rest_operations.render,
    "settings-api": settings_tables.render_api,
    "settings-engine": settings_tables.render_engine,
    "settings-operator": settings_tables.render_operator,
    "settings-worker": settings_tables.render_worker,
    "trace-bad-input": trace_table.render_bad_input,
    "trace-items": trace_table.render_items,
    "trace-promises": trace_table.render_promises,
    "trace-scenarios": trace_table.render_scenarios,
}


def fill(page: str) -> str:
    """The page with every region made afresh. An unknown name is an error, not an empty region."""
    return REGION.sub(lambda match: match[1] + GENERATORS[match["name"]]().strip() + "\n" + match[3], page)


def main(*, check: bool) -> int:
    stale = False
    used: set[str] = set()
    for path in PAGES:
        before = path.read_text()
        used |= {match["name"] for match in REGION.finditer(before)}
        after = fill(before)
        if after == before:
            continue
        stale = True
        if check:
            names = (f"{path} as committed", f"{path} as generated")
            sys.stdout.writelines(
                difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), *names)
            )
        else:
            path.write_text(after)
            print(f"wrote {path.relative_to(ROOT)}")
    if unused := GENERATORS.keys() - used:
        print(f"no page shows: {', '.join(sorted(unused))}")
        return 1
    if check and stale:
        print("The generated pages are not up to date. Run: make generate")
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
