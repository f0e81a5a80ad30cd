"""What the api process can be told: read once from arguments and `TASKJOB_*` variables, then passed as a value.

Nothing else in the api reads the environment. A value that makes no sense is refused with the variable's name; a
`TASKJOB_` variable that nobody knows is reported, for it is usually a typing error.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from taskjob.environment import bad_variable, read_fields
from taskjob.errors import InvalidError

PREFIX = "TASKJOB_"
MAX_WAIT_SECONDS = 60
"""Longest `?wait=` of a long poll."""

WORKER_AUDIENCE = "taskjob-worker"
OPERATOR_AUDIENCE = "taskjob-operator"
RESERVED_AUDIENCES = (WORKER_AUDIENCE, OPERATOR_AUDIENCE)
"""Those of processes: a token for one of them is no person's."""

_OF_OTHERS = frozenset(
    {
        *("SERVER", "TOKEN", "TOKEN_FILE", "NAMESPACE", "CONFIG", "API_SERVICE", "SERVICE_ACCOUNT", "LOG_LEVEL"),
        *("GATEWAY", "CA_FILE", "WORKER_CONCURRENCY", "WORKER_MODULES", "WORKER_NAME", "WORKER_QUEUES"),
        *("WORKER_COMMANDS", "WORKER_DRAIN_SECONDS", "WORKER_GRACE_SECONDS", "WORKER_METRICS_HOST"),
        *("WORKER_METRICS_PORT", "API_CA_FILE", "API_TOKEN_FILE", "API_URL", "CLUSTER_ID", "GATEWAY_URL"),
        *("LEASE_SECONDS", "MEMORY_FOR_SPECS", "OPERATOR_HOST", "OPERATOR_IDENTITY", "OPERATOR_NAMESPACE"),
        *("OPERATOR_PORT", "STATUS_WRITES_PER_SECOND", "SWEEP_CONFIRM_SECONDS", "SWEEP_SECONDS", "WATCH_NAMESPACES"),
    }
)


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is the variable `TASKJOB_<FIELD>`, for example `TASKJOB_PORT`."""

    store: str = "sqlite:///.taskjob/taskjob.db"
    """`sqlite:///relative/path`, `sqlite:////absolute/path` or `memory://` (nothing survives the process)."""

    durability: Literal["durable", "relaxed"] = "durable"
    """`relaxed` allows weaker store settings, which readiness and metrics then tell."""

    artifacts: str = ".taskjob/artifacts"
    """Folder of results and logs."""

    host: str = "127.0.0.1"
    """Address of REST; `0.0.0.0` for all, which `auth` `open` does not allow."""

    port: int = 8080
    """Port of REST; 0 takes a free one."""

    gateway_host: str = "127.0.0.1"
    """Address of the worker gateway over TCP."""

    gateway_port: int = 8081
    """Port of the worker gateway over TCP; 0 takes a free one."""

    health_port: int | None = None
    """Port for liveness answered from its own thread (GET /healthz), also while the event loop is stuck."""

    tls_certificate: str | None = None
    """PEM file with the certificate chain; with `tls_key` both ports speak TLS."""

    tls_key: str | None = None
    """PEM file with the private key."""

    auth: Literal["token", "open", "kubernetes"] = "token"
    """`kubernetes` lets the API server review tokens and rights (static tokens may stand beside); `open` lets everybody
    in and is allowed on loopback addresses only."""

    tokens_file: str | None = None
    """File of hashed tokens, as `taskjob token create` writes it; watched, so that a revocation acts within 5 s."""

    audience: str = "taskjob"
    """With `auth` `kubernetes`: the audience of people's tokens. Those of workers have `taskjob-worker`."""

    operator_service_account: str | None = None
    """With `auth` `kubernetes`: `namespace/name` of the one ServiceAccount that is the operator."""

    kubeconfig: str | None = None
    """With `auth` `kubernetes`, outside of a cluster: the API server to ask. In a pod its ServiceAccount is used."""

    allowed_hosts: tuple[str, ...] = ()
    """Further names that a Host header may have where `auth` is `open` (loopback names always may)."""

    allowed_origins: tuple[str, ...] = ()
    """Browser origins that may call, for example `https://jobs.example.com`."""

    max_submits_in_flight: int = 4096
    """Submits that wait for their flush at once; more are shed with 429."""

    request_seconds: float = 30.0
    """Longest time of one call, its body included, beyond the wait it asked for."""

    drain_seconds: float = 10.0
    """Longest time that a stop waits for calls that are being answered."""

    session_ttl_seconds: float = 15.0
    """A worker that is silent for so long loses its leases."""

    create_queues: bool = True
    """Unknown queues are made by the first job; false leaves the jobs waiting as QueueNotFound."""

    @property
    def tls(self) -> bool:
        return self.tls_certificate is not None


def read_settings(environment: Mapping[str, str], **overrides: Any) -> tuple[ApiSettings, tuple[str, ...]]:
    """Arguments win over variables; None leaves a field to them. Also the names of unknown variables.

    Raises `InvalidError` that names the variable.
    """
    values = read_fields(ApiSettings, environment, PREFIX)
    values |= {name: value for name, value in overrides.items() if value is not None}
    settings = ApiSettings(**values)
    _check(settings)
    known = {PREFIX + name.upper() for name in ApiSettings.__struct_fields__} | {PREFIX + name for name in _OF_OTHERS}
    unknown = tuple(sorted(name for name in environment if name.startswith(PREFIX) and name not in known))
    return settings, unknown


@functools.lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def no_tokens_file() -> InvalidError:
    return InvalidError(
        "TASKJOB_AUTH=token needs TASKJOB_TOKENS_FILE",
        field="TASKJOB_TOKENS_FILE",
        hint="make one (`taskjob token create --file FILE --scope admin`) and name it in TASKJOB_TOKENS_FILE, "
        "or on a machine of your own use --open",
    )


def _check(settings: ApiSettings) -> None:
    for name in ("port", "gateway_port", "health_port"):
        port = getattr(settings, name)
        if port is not None and not 0 <= port <= 65_535:
            raise bad_variable(PREFIX + name.upper(), port, "a port from 0 to 65535")
    for name in ("request_seconds", "drain_seconds", "session_ttl_seconds"):
        seconds = getattr(settings, name)
        if not 0 < seconds <= 3600:
            raise bad_variable(PREFIX + name.upper(), seconds, "seconds above 0, up to 3600")
    if settings.max_submits_in_flight < 1:
        raise bad_variable("TASKJOB_MAX_SUBMITS_IN_FLIGHT", settings.max_submits_in_flight, "at least 1")
    if not settings.store.startswith(("sqlite:///", "memory://")):
        raise bad_variable("TASKJOB_STORE", settings.store, "sqlite:///path or memory://")
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise InvalidError("TASKJOB_TLS_CERTIFICATE and TASKJOB_TLS_KEY go together", field="TASKJOB_TLS_CERTIFICATE")
    _check_auth(settings)


def _check_auth(settings: ApiSettings) -> None:
    if settings.auth == "open" and not (is_loopback(settings.host) and is_loopback(settings.gateway_host)):
        raise InvalidError(
            "TASKJOB_AUTH=open is allowed on loopback addresses only",
            field="TASKJOB_AUTH",
            hint="use tokens (`taskjob token create`), or listen on 127.0.0.1",
        )
    if settings.auth == "token" and settings.tokens_file is None:
        raise no_tokens_file()
    if settings.auth == "kubernetes":
        _check_kubernetes(settings)


def _check_kubernetes(settings: ApiSettings) -> None:
    if settings.audience in RESERVED_AUDIENCES or not re.fullmatch(r"[!-~]{1,200}", settings.audience):
        raise bad_variable(
            "TASKJOB_AUDIENCE", settings.audience, f"a name other than {' and '.join(RESERVED_AUDIENCES)}"
        )
    account = settings.operator_service_account
    if account is not None and not re.fullmatch(r"[a-z0-9-]{1,63}/[a-z0-9.-]{1,253}", account):
        raise bad_variable("TASKJOB_OPERATOR_SERVICE_ACCOUNT", account, "namespace/name")
