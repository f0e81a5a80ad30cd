"""Where a client speaks to: server, token, namespace.

Each is taken from the first that names it: the argument, the environment (`TASKJOB_SERVER`, `TASKJOB_TOKEN` or
`TASKJOB_TOKEN_FILE`, `TASKJOB_NAMESPACE`), the configuration file (`TASKJOB_CONFIG`, else
`~/.config/taskjob/config.toml`), the default. It opens no connection.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from taskjob.errors import InvalidError

DEFAULT_SERVER = "http://127.0.0.1:8080"
DEFAULT_NAMESPACE = "default"
_KEYS = ("server", "token", "token-file", "namespace")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    server: str
    namespace: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Target(server={self.server!r}, namespace={self.namespace!r}, token={'***' if self.token else None})"


def resolve_target(
    *,
    server: str | None = None,
    token: str | None = None,
    token_file: str | None = None,
    namespace: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Target:
    """Raises `InvalidError` for a server that is no http(s) URL and for a configuration or token file that cannot
    be read, is not well formed, or shows a token to other users of the machine."""
    env = os.environ if environment is None else environment
    file = _read_config(env)
    chosen = server or env.get("TASKJOB_SERVER") or file.get("server") or DEFAULT_SERVER
    return Target(
        server=_checked_server(chosen),
        namespace=namespace or env.get("TASKJOB_NAMESPACE") or file.get("namespace") or DEFAULT_NAMESPACE,
        token=_first_token((token, token_file), (env.get("TASKJOB_TOKEN"), env.get("TASKJOB_TOKEN_FILE")), file),
    )


def config_path(environment: Mapping[str, str]) -> Path:
    if named := environment.get("TASKJOB_CONFIG"):
        return Path(named)
    base = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".config")
    return Path(base) / "taskjob" / "config.toml"


def _read_config(env: Mapping[str, str]) -> dict[str, str]:
    path = config_path(env)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if env.get("TASKJOB_CONFIG"):
            raise InvalidError(
                f"the configuration file {path} does not exist", hint="make it, or unset TASKJOB_CONFIG"
            ) from error
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"the configuration file {path} cannot be read: {error}") from error
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(f"the configuration file {path} is not TOML: {error}") from error
    for key, value in values.items():
        if key not in _KEYS or not isinstance(value, str):
            raise InvalidError(
                f"the configuration file {path} has {key!r}", hint=f"it may hold {', '.join(_KEYS)}, all as text"
            )
    if "token" in values:
        _refuse_readable_by_others(path)
    return values


def _first_token(
    given: tuple[str | None, str | None], env: tuple[str | None, str | None], file: dict[str, str]
) -> str | None:
    for token, token_file in (given, env, (file.get("token"), file.get("token-file"))):
        if token:
            return token
        if token_file:
            return _read_token(Path(token_file).expanduser())
    return None


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"the token file {path} cannot be read: {error}") from error
    if not token:
        raise InvalidError(f"the token file {path} is empty")
    return token


def _refuse_readable_by_others(path: Path) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise InvalidError(
            f"the configuration file {path} holds a token and other users may read it", hint=f"chmod 600 {path}"
        )


def _checked_server(server: str) -> str:
    parts = urlsplit(server)
    try:
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        right = False
    if not right:
        raise InvalidError(f"{server!r} is not a server", hint="write it like http://127.0.0.1:8080")
    return server.rstrip("/")
