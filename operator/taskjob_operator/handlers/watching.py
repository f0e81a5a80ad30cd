"""The watch handlers: each event is handed on as it came. What is handed on must only note it and return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kopf
import msgspec

from taskjob_operator.kube.resources import Resource
from taskjob_operator.kube.target import Connection

Observe = Callable[[str | None, dict[str, Any]], None]
"""Takes (type, object): ADDED, MODIFIED, DELETED, or None for an object of the list that a watch begins with."""


class Source(msgspec.Struct, frozen=True):
    """A kind that is watched, and who is told."""

    resource: Resource
    observe: Observe


def registry_of(connection: Connection, sources: tuple[Source, ...]) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(
            server=connection.server,
            ca_data=connection.ca,
            certificate_data=connection.certificate,
            private_key_data=connection.key,
            token=connection.read_token(),
            insecure=connection.insecure,
        )

    for source in sources:
        _register(registry, source)
    return registry


def _register(registry: kopf.OperatorRegistry, source: Source) -> None:
    observe = source.observe

    @kopf.on.event(
        source.resource.group,
        source.resource.version,
        source.resource.plural,
        id=f"note-{source.resource.plural}",
        registry=registry,
    )
    async def note(event: Any, **_: Any) -> None:
        observe(event["type"], event["object"])
