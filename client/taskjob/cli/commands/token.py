"""`taskjob token`: the tokens file of an api, made and changed without a running server."""

from __future__ import annotations

import time
from pathlib import Path

import click

from taskjob.cli.components import component
from taskjob.cli.durations import DURATION

_SCOPES = ("read", "submit", "control", "admin", "worker", "operator")

_file = click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    envvar="TASKJOB_TOKENS_FILE",
    show_envvar=True,
    help="The api's tokens file.",
)


@click.group()
def command() -> None:
    """Create, list or revoke access tokens. The api watches its file: a change acts within seconds."""


@command.command()
@_file
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(_SCOPES), help="Repeatable.")
@click.option("-n", "--namespace", "namespaces", multiple=True, default=("default",), help="Repeatable; * for all.")
@click.option("--queue", "queues", multiple=True, metavar="NAMESPACE/QUEUE", help="What a worker may serve.")
@click.option("--name", default="", help="What it is for.")
@click.option("--expires-in", type=DURATION, metavar="DURATION", help="Lifetime, for example 90d.")
def create(
    *,
    path: Path,
    scopes: tuple[str, ...],
    namespaces: tuple[str, ...],
    queues: tuple[str, ...],
    name: str,
    expires_in: float | None,
) -> None:
    """Make a token and print it, this once: only its hash is kept."""
    tokens = component("taskjob_api.tokens", extra="api")
    token, record = tokens.create_token(
        path,
        scopes=[tokens.Scope(scope) for scope in scopes],
        now=time.time_ns() // 1000,
        name=name,
        namespaces=namespaces,
        queues=queues,
        expires_in_seconds=None if expires_in is None else int(expires_in),
    )
    click.echo(token)
    click.echo(f"id {record.id}; keep the token now, it is stored nowhere", err=True)


@command.command("list")
@_file
def list_(*, path: Path) -> None:
    """List tokens; what they are made of is not kept."""
    from taskjob.cli.output import print_table  # noqa: PLC0415

    tokens = component("taskjob_api.tokens", extra="api").read_tokens(path).tokens
    rows = [
        [one.id, one.name, ",".join(one.scopes), ",".join(one.namespaces), ",".join(one.queues), one.expires_at or ""]
        for one in tokens
    ]
    print_table(["ID", "NAME", "SCOPES", "NAMESPACES", "QUEUES", "EXPIRES"], rows)


@command.command()
@_file
@click.argument("token_id", metavar="ID")
def revoke(*, path: Path, token_id: str) -> None:
    """Remove the token with this ID. Whoever uses it is locked out within seconds."""
    component("taskjob_api.tokens", extra="api").revoke_token(path, token_id)
    click.echo(f"token {token_id} revoked")
