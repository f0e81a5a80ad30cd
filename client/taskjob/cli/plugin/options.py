"""The option of verbs that kubectl alone can do: the namespace, and the cluster it is in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

from taskjob.cli.plugin.reach import ClusterReach

F = TypeVar("F", bound=Callable[..., Any])


def cluster_options(function: F) -> F:
    """Adds --namespace, and calls the function with `reach` and the `namespace` that is meant."""

    @functools.wraps(function)
    def command(namespace: str | None, **arguments: Any) -> Any:
        reach = click.get_current_context().find_object(ClusterReach)
        assert reach is not None
        return function(reach=reach, namespace=reach.namespace(namespace), **arguments)

    option = click.option("-n", "--namespace", metavar="NAME", help="Namespace; else that of the kubeconfig's context.")
    return cast("F", option(command))
