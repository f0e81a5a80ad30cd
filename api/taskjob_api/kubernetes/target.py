"""Which API server to ask, and with what: the pod's own ServiceAccount, or a kubeconfig.

Files are read again when they change: a mounted token is rotated within the hour, an authority now and then.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from taskjob.errors import InvalidError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """A file, or what would stand in it; neither: there is none."""

    path: Path | None = None
    data: bytes | None = None

    def read(self) -> bytes | None:
        return self.path.read_bytes() if self.path is not None else self.data

    def stamp(self) -> tuple[int, int, int] | None:
        """Changes when the file does; follows the symbolic links by which Kubernetes swaps it."""
        if self.path is None:
            return None
        status = self.path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino


NOTHING = Material()


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One API server. Its methods raise `OSError` (`ssl.SSLError` is one) where a file cannot be used."""

    server: str
    authority: Material = NOTHING
    token: Material = NOTHING
    certificate: Material = NOTHING
    key: Material = NOTHING
    server_name: str | None = None

    def headers(self) -> dict[str, str]:
        token = self.token.read()
        return {} if token is None else {"Authorization": f"Bearer {token.decode('ascii', 'replace').strip()}"}

    def stamp(self) -> tuple[object, ...]:
        """Of all that a connection is built with."""
        return self.authority.stamp(), self.certificate.stamp(), self.key.stamp()

    def context(self) -> ssl.SSLContext:
        authority = self.authority.read()
        context = ssl.create_default_context(cadata=None if authority is None else authority.decode("ascii"))
        certificate, key = self.certificate.read(), self.key.read()
        if certificate is not None and key is not None:
            # The standard library takes a client's key from a file only.
            with tempfile.NamedTemporaryFile("wb", prefix="taskjob-") as file:
                file.write(certificate + b"\n" + key)
                file.flush()
                context.load_cert_chain(file.name)
        return context


def in_cluster(environment: Mapping[str, str] = os.environ, folder: Path = SERVICE_ACCOUNT) -> Target:
    """That of the cluster this pod runs in. Raises `InvalidError` outside of one."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
    token, authority = folder / "token", folder / "ca.crt"
    if not host or not token.is_file() or not authority.is_file():
        raise InvalidError(
            "TASKJOB_AUTH=kubernetes: this process has no ServiceAccount of a cluster",
            field="TASKJOB_AUTH",
            hint="run it in a pod that mounts its token, or name a TASKJOB_KUBECONFIG",
        )
    address = f"[{host}]" if ":" in host else host
    return Target(server=f"https://{address}:{port}", authority=Material(path=authority), token=Material(path=token))


def from_kubeconfig(path: Path) -> Target:
    """The current context of a kubeconfig: certificates or a token, in it or in files. Raises `InvalidError`; programs
    that make credentials (`exec`) are not run, and a server is never trusted unseen."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        context = _entry(config, "contexts", config["current-context"], "context")
        cluster = _entry(config, "clusters", context["cluster"], "cluster")
        user = _entry(config, "users", context["user"], "user")
        server = str(cluster["server"])
        target = Target(
            server=server.rstrip("/"),
            authority=_material(cluster, "certificate-authority", path.parent),
            certificate=_material(user, "client-certificate", path.parent),
            key=_material(user, "client-key", path.parent),
            token=_token(user, path.parent),
            server_name=cluster.get("tls-server-name"),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError, StopIteration) as error:
        raise _bad(f"{path} cannot be used: {type(error).__name__}: {error}") from error
    if cluster.get("insecure-skip-tls-verify"):
        raise _bad(f"{path} says insecure-skip-tls-verify: a server that anybody may be is not asked about tokens")
    if urlsplit(server).scheme != "https" and not _is_loopback(urlsplit(server).hostname):
        raise _bad(f"{path}: {server} is not https")
    if user.get("exec") or user.get("auth-provider"):
        raise _bad(f"{path} makes its credentials with a program", hint="use one with a token or a certificate")
    return target


def _entry(config: Any, kind: str, name: str, key: str) -> Any:
    return next(entry for entry in config[kind] if entry["name"] == name)[key]


def _material(owner: Any, name: str, folder: Path) -> Material:
    if owner.get(f"{name}-data"):
        try:
            return Material(data=base64.b64decode(owner[f"{name}-data"], validate=True))
        except binascii.Error as error:
            raise ValueError(f"{name}-data: {error}") from None
    return Material(path=folder / owner[name]) if owner.get(name) else NOTHING


def _token(user: Any, folder: Path) -> Material:
    if user.get("tokenFile"):
        return Material(path=folder / user["tokenFile"])
    return Material(data=user["token"].encode()) if user.get("token") else NOTHING


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _bad(detail: str, *, hint: str | None = None) -> InvalidError:
    return InvalidError(f"TASKJOB_KUBECONFIG: {detail}", field="TASKJOB_KUBECONFIG", hint=hint)
