"""What a worker can be told. Read from flags and environment by the CLI, validated once, passed as a value."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from taskjob.errors import InvalidError

DEFAULT_METRICS_PORT = 9091
SCHEMES = {"tcp": 8081, "tls": 8081, "http": 8080, "https": 443}


class CommandSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One task that is a program: the argv is fixed here, the payload arrives on its standard input as JSON."""

    argv: tuple[str, ...]
    environment: dict[str, str] = {}
    """All it sees of the environment, besides PATH, HOME, LANG and TZ."""
    directory: str | None = None


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    modules: tuple[str, ...] = ()
    """Modules or files that define tasks."""

    commands: dict[str, CommandSettings] = {}
    """Tasks that are programs. Off while empty."""

    gateway: str = "tcp://127.0.0.1:8081"
    """tcp://, tls://, http:// or https://."""

    queues: tuple[str, ...] = ("default",)
    """Queues to take jobs from; at least one."""

    name: str = ""
    """What people see; the host name and the process id if empty."""

    namespace: str | None = None
    """That of the token if left out."""

    token: str | None = None
    """Never a flag: other users can read command lines."""

    token_file: str | None = None
    """Read again at each connection, so that a rotated token is used."""

    ca_file: str | None = None
    """Trust this authority instead of the system's, for tls:// and https://."""

    concurrency: int = 10
    """Jobs that run at once, of all executors together. Where they are short, some more are held ready."""

    drain_seconds: float = 30.0
    """On SIGTERM, running jobs have so long to finish; the rest is handed back uncharged."""

    grace_seconds: float = 5.0
    """Between asking a task to stop and killing its process."""

    metrics_host: str = "127.0.0.1"
    """Address of `/metrics` and `/healthz`; `0.0.0.0` in a pod, for probes and Prometheus come from outside."""

    metrics_port: int | None = None
    """Port of both; 0 switches them off. Unless given 9091, and a second worker on the machine goes on without."""

    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""

    def validated(self) -> WorkerSettings:
        """The same settings. Raises `InvalidError` with the name of the first wrong one as `field`."""
        if not self.modules and not self.commands:
            raise InvalidError("no tasks to run", field="/modules", hint="name a module: taskjob worker ./tasks.py")
        target(self.gateway)
        if not 1 <= self.concurrency <= 1000:
            raise InvalidError("concurrency must be between 1 and 1000", field="/concurrency")
        if not 0 <= self.grace_seconds <= 3600:
            raise InvalidError("grace-seconds must be between 0 and 3600", field="/graceSeconds")
        if not 0 <= self.drain_seconds <= 86_400:
            raise InvalidError("drain-seconds must be between 0 and 86400", field="/drainSeconds")
        if not self.queues:
            raise InvalidError("a worker serves at least one queue", field="/queues")
        for task, command in self.commands.items():
            if not command.argv:
                raise InvalidError("a command needs an argv", field=f"/commands/{task}/argv")
        return self

    def read_token(self) -> str | None:
        if self.token_file is not None:
            return Path(self.token_file).read_text(encoding="utf-8").strip()
        return self.token

    def display_name(self) -> str:
        return self.name or f"{socket.gethostname()}-{os.getpid()}"


def target(gateway: str) -> SplitResult:
    """The parts of a gateway address. Raises `InvalidError`."""
    parts = urlsplit(gateway)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise InvalidError(
            f"{gateway!r} is no gateway address", field="/gateway", hint="for example tcp://127.0.0.1:8081"
        )
    return parts


def port_of(parts: SplitResult) -> int:
    return parts.port or SCHEMES[parts.scheme]


def read_commands(path: str) -> dict[str, CommandSettings]:
    """The `[commands.NAME]` tables of a worker's TOML file. Raises `InvalidError`."""
    import tomllib  # noqa: PLC0415 - only workers with commands

    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        return msgspec.convert(document.get("commands", {}), dict[str, CommandSettings])
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidError(
            f"{path}: {error}", field="/commands", hint='write [commands.NAME] with argv = ["program", "argument"]'
        ) from error
