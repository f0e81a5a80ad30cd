"""The options of every command that speaks to a server, and the client they make.

A token is never an argument: what stands in a command line can be read by other users of the machine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from taskjob.client import Client

F = TypeVar("F", bound=Callable[..., Any])

RETRIES = 2
"""A person is waiting: fewer repeats than a program would make."""


class Reach:
    """How a command comes to its server; another way stands as the context's object."""

    def client(
        self, server: str | None, token_file: str | None, namespace: str | None
    ) -> AbstractContextManager[Client]:
        return make_client(server, token_file, namespace)


def with_client(function: F) -> F:
    """Adds --server, --token-file and --namespace, and calls the function with the `client` they mean."""

    @functools.wraps(function)
    def command(server: str | None, token_file: str | None, namespace: str | None, **arguments: Any) -> Any:
        reach = click.get_current_context().find_object(Reach) or Reach()
        with reach.client(server, token_file, namespace) as client:
            return function(client=client, **arguments)

    options = (
        click.option("--server", metavar="URL", help="The api; else TASKJOB_SERVER, else http://127.0.0.1:8080."),
        click.option("--token-file", metavar="FILE", help="File that holds the token; else TASKJOB_TOKEN."),
        click.option("-n", "--namespace", metavar="NAME", help="Namespace; else TASKJOB_NAMESPACE, else 'default'."),
    )
    for option in reversed(options):
        command = option(command)
    return command  # type: ignore[return-value]  # the options are consumed here


def make_client(server: str | None, token_file: str | None, namespace: str | None) -> Client:
    from taskjob.client import Client  # noqa: PLC0415 - brings httpx2, which --help must not wait for
    from taskjob.client.target import resolve_target  # noqa: PLC0415

    target = resolve_target(server=server, token_file=token_file, namespace=namespace)
    return Client(target.server, token=target.token, namespace=target.namespace, retries=RETRIES)
