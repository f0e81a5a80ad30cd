"""`taskjob explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client
from taskjob.model.spans import span

if TYPE_CHECKING:
    from taskjob.client import Client


@click.command()
@click.argument("job")
@click.option("-o", "--output", type=click.Choice(("text", "json")), default="text", help="Form.")
@with_client
def command(*, client: Client, job: str, output: str) -> None:
    """Say why JOB is where it is: what it waits for, its position, a rough estimate, and what to do."""
    from taskjob.cli import words  # noqa: PLC0415
    from taskjob.cli.names import find_job  # noqa: PLC0415
    from taskjob.cli.output import print_fields, print_json, to_type  # noqa: PLC0415

    found = find_job(client, job)
    answer = client.explain(found.id)
    if output == "json":
        print_json(answer)
        return
    eta = answer.get("etaSeconds")
    print_fields(
        [
            ("Job", found.shown),
            ("Status", words.phase(found)),
            ("Reason", str(answer.get("reason", ""))),
            ("Why", str(answer.get("sentence", ""))),
            ("Position", str(answer.get("position", ""))),
            ("Starts in", f"about {span(eta)}" if eta is not None else ""),
            ("Held by", "\n".join(answer.get("holders", ()))),
            ("Next", "\n".join(to_type(step) for step in answer.get("nextSteps", ()))),
        ]
    )
