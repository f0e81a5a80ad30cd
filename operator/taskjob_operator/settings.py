"""What the operator process can be told: read once from arguments and `TASKJOB_*` variables, then passed as a value.

Nothing else in the operator reads the environment, but for what Kubernetes itself sets in a pod (`kube.target`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from taskjob.environment import bad_variable, read_fields
from taskjob.errors import InvalidError
from taskjob.model.names import is_namespace

PREFIX = "TASKJOB_"


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is the variable `TASKJOB_<FIELD>`, for example `TASKJOB_API_URL`."""

    api_url: str = "http://127.0.0.1:8080"
    """Address of the api."""

    api_token_file: str | None = None
    """File with the operator's token for the api, read again as it changes; none where the api's door is open."""

    api_ca_file: str | None = None
    """PEM file of the authority to trust for an https address of the api; else the system's."""

    cluster_id: str | None = None
    """Names this cluster in the engine, for ever; by default the UID of the namespace kube-system."""

    operator_namespace: str = "taskjob-system"
    """Where the Lease `taskjob-operator` lives that the leader holds."""

    operator_identity: str | None = None
    """Who holds the Lease; by default the host's name (the pod's, in a cluster) and a random part."""

    watch_namespaces: tuple[str, ...] = ()
    """The namespaces served; empty for all of them."""

    kubeconfig: str | None = None
    """Kubeconfig file for an operator outside of its cluster; else the pod's service account, else KUBECONFIG."""

    gateway_url: str = ""
    """The worker gateway as worker pods reach it."""

    operator_host: str = "127.0.0.1"
    """Address of health and metrics; `0.0.0.0` in a pod."""

    operator_port: int = 8085
    """Port of health and metrics; 0 takes a free one."""

    status_writes_per_second: float = 300.0
    """Most status writes a second, over all jobs; a burst of that many is let through."""

    sweep_seconds: float = 600.0
    """Time between two sweeps for jobs whose TaskJob is gone."""

    sweep_confirm_seconds: float = 5.0
    """Time between the two lists of one sweep in which a TaskJob must be absent."""

    lease_seconds: float = 8.0
    """A leader that has not renewed its Lease for so long is replaced."""

    memory_for_specs: int = 32 * 1024 * 1024
    """Bytes of specs kept while their jobs wait to be told to the api; beyond that they are read again."""


def read_settings(environment: Mapping[str, str], **overrides: Any) -> OperatorSettings:
    """Arguments win over variables; None leaves a field to them. Raises `InvalidError` that names the variable."""
    values = read_fields(OperatorSettings, environment, PREFIX)
    values |= {name: value for name, value in overrides.items() if value is not None}
    settings = OperatorSettings(**values)
    _check(settings)
    return settings


def _check(settings: OperatorSettings) -> None:
    if not settings.api_url.startswith(("http://", "https://")):
        raise bad_variable("TASKJOB_API_URL", settings.api_url, "an address like http://taskjob-api:8080")
    if not 0 <= settings.operator_port <= 65_535:
        raise bad_variable("TASKJOB_OPERATOR_PORT", settings.operator_port, "a port from 0 to 65535")
    for name, least, most in (
        ("lease_seconds", 4, 60),
        ("sweep_seconds", 1, 86_400),
        ("sweep_confirm_seconds", 0.1, 3600),
        ("status_writes_per_second", 1, 10_000),
    ):
        value = getattr(settings, name)
        if not least <= value <= most:
            raise bad_variable(PREFIX + name.upper(), value, f"a number from {least} to {most}")
    for namespace in (settings.operator_namespace, *settings.watch_namespaces):
        if not is_namespace(namespace):
            raise InvalidError(
                f"{namespace!r} is not a namespace",
                field="TASKJOB_OPERATOR_NAMESPACE or TASKJOB_WATCH_NAMESPACES",
            )
