"""Where the API server is and how to prove who we are: from the pod's service account or from a kubeconfig.

The fields are those that kopf's own connection takes, so that both speak to one server with one identity.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from taskjob.errors import InvalidError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """`ca`, `certificate` and `key` are PEM text. `token_file` is read again as it changes."""

    server: str
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    token: str | None = None
    token_file: str | None = None
    insecure: bool = False

    def ssl_context(self) -> ssl.SSLContext | None:
        """None for plain http, which only a proxy on this machine speaks."""
        if not self.server.startswith("https:"):
            return None
        context = ssl.create_default_context(cadata=self.ca)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate and self.key:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # made readable by its owner only
                file.write(f"{self.certificate}\n{self.key}\n")
                file.flush()
                context.load_cert_chain(file.name)
        return context

    def read_token(self) -> str | None:
        if self.token_file is not None:
            return Path(self.token_file).read_text().strip()
        return self.token


def find_connection(kubeconfig: str | None, environment: Mapping[str, str] = os.environ) -> Connection:
    """A named kubeconfig, else the pod's service account, else KUBECONFIG, else ~/.kube/config."""
    if kubeconfig is None and (SERVICE_ACCOUNT / "token").exists():
        return _of_pod(environment)
    path = Path(kubeconfig or environment.get("KUBECONFIG", "").partition(os.pathsep)[0] or "~/.kube/config")
    return read_kubeconfig(path.expanduser())


def _of_pod(environment: Mapping[str, str]) -> Connection:
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "443")
    return Connection(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca=(SERVICE_ACCOUNT / "ca.crt").read_text(),
        token_file=str(SERVICE_ACCOUNT / "token"),
    )


def read_kubeconfig(path: Path) -> Connection:
    """The current context. Raises `InvalidError` that says what is missing."""
    import yaml  # noqa: PLC0415 - outside of a cluster only

    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise InvalidError(
            f"no cluster to speak to: {path}: {error.strerror}",
            field="TASKJOB_KUBECONFIG",
            hint="name a kubeconfig in TASKJOB_KUBECONFIG or KUBECONFIG",
        ) from None
    context = _named(config, "contexts", config.get("current-context"), "context", path)
    cluster = _named(config, "clusters", context.get("cluster"), "cluster", path)
    user = _named(config, "users", context.get("user"), "user", path) if context.get("user") else {}
    if "exec" in user or "auth-provider" in user:
        raise InvalidError(
            f"{path} asks a program for its credentials, which the operator does not run",
            field="TASKJOB_KUBECONFIG",
            hint="run the operator in the cluster, or through `kubectl proxy`",
        )
    return Connection(
        server=str(cluster["server"]).rstrip("/"),
        ca=_pem(cluster, "certificate-authority", path),
        certificate=_pem(user, "client-certificate", path),
        key=_pem(user, "client-key", path),
        token=user.get("token"),
        token_file=user.get("tokenFile"),
        insecure=bool(cluster.get("insecure-skip-tls-verify", False)),
    )


def _named(config: Any, many: str, name: str | None, one: str, path: Path) -> dict[str, Any]:
    for entry in config.get(many) or []:
        if entry.get("name") == name:
            return dict(entry.get(one) or {})
    raise InvalidError(f"{path}: no {one} named {name!r}", field="TASKJOB_KUBECONFIG")


def _pem(source: dict[str, Any], name: str, path: Path) -> str | None:
    if data := source.get(f"{name}-data"):
        return str(base64.b64decode(data), "ascii")
    if file := source.get(name):
        return (path.parent / str(file)).read_text()
    return None
