"""`taskjob version`."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client

if TYPE_CHECKING:
    from taskjob.client import Client


@click.command()
@with_client
def command(*, client: Client) -> None:
    """Print the version of this client, and what the server says of itself if one answers."""
    from taskjob.cli.output import tell  # noqa: PLC0415
    from taskjob.client import requests  # noqa: PLC0415
    from taskjob.errors import TaskJobError  # noqa: PLC0415

    click.echo(f"client  {version('taskjob')}")
    try:
        answer = client.call(requests.ready())
    except TaskJobError as error:
        tell(f"server  {client.target.server}: {error.detail}")
        return
    store = f"store {answer.get('store')}, {answer.get('durability')}, schema {answer.get('schemaVersion')}"
    tell(f"server  {client.target.server}: ready; {store}")
