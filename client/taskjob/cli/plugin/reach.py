"""How the plugin reaches the api: its Service by label, a port-forward to it, and a token for a ServiceAccount."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from taskjob.cli.connection import RETRIES, Reach
from taskjob.cli.plugin.kubectl import Kubectl, refusal
from taskjob.errors import CannotConnectError, ForbiddenError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from taskjob.client import Client

LABELS = "app.kubernetes.io/part-of=taskjob,app.kubernetes.io/component=api"
USUAL_SERVICE = "taskjob-system/taskjob-api"
PORT = 8080
FORWARD_SECONDS = 20.0
TOKEN_DURATION = "1h"  # noqa: S105 - a duration


class ClusterReach(Reach):
    """Everything that is not said by an option or a `TASKJOB_` variable is asked of kubectl."""

    def __init__(self, kubectl: Kubectl) -> None:
        self.kubectl = kubectl

    def namespace(self, given: str | None) -> str:
        """The one given, else TASKJOB_NAMESPACE, else that of the kubeconfig's context."""
        chosen = given or os.environ.get("TASKJOB_NAMESPACE")
        path = "--output=jsonpath={.contexts[0].context.namespace}"
        return chosen or self.kubectl.run("config", "view", "--minify", path).strip() or "default"

    @contextlib.contextmanager
    def client(self, server: str | None, token_file: str | None, namespace: str | None) -> Iterator[Client]:
        from taskjob.client import Client  # noqa: PLC0415 - brings httpx2
        from taskjob.client.target import resolve_target  # noqa: PLC0415

        if server or os.environ.get("TASKJOB_SERVER"):
            with super().client(server, token_file, namespace) as client:
                yield client
            return
        chosen = self.namespace(namespace)
        token = resolve_target(token_file=token_file, namespace=chosen).token or self.token(chosen)
        with (
            forwarded(self.kubectl, *self.service()) as url,
            Client(url, token=token, namespace=chosen, retries=RETRIES) as client,
        ):
            yield client

    def service(self) -> tuple[str, str]:
        """Namespace and name of the api's Service."""
        told = os.environ.get("TASKJOB_API_SERVICE")
        if told is None:
            told = self._found()
        namespace, _, name = told.partition("/")
        if not name:
            raise InvalidError(f"TASKJOB_API_SERVICE: expected namespace/name, got {told!r}")
        return namespace, name

    def _found(self) -> str:
        try:
            items = self.kubectl.read("get", "services", "--all-namespaces", f"--selector={LABELS}")["items"]
        except ForbiddenError:
            return USUAL_SERVICE  # who may not look everywhere may still reach that one
        names = [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in items]
        if len(names) > 1:
            raise InvalidError(
                f"this cluster has several apis: {', '.join(names)}",
                # None is proposed: whoever may make a Service anywhere may give it these labels, and gets a token.
                hint="export TASKJOB_API_SERVICE=namespace/name, of the one that you trust with a token",
            )
        if not names:
            raise NotFoundError("TaskJob is not installed in this cluster", hint="helm install taskjob …")
        return names[0]

    def token(self, namespace: str, account: str | None = None, duration: str = TOKEN_DURATION) -> str:
        """A token of the api's audience for a ServiceAccount (TASKJOB_SERVICE_ACCOUNT, else `default`) whose token the
        user of the kubeconfig may create."""
        chosen = account or os.environ.get("TASKJOB_SERVICE_ACCOUNT") or "default"
        audience = os.environ.get("TASKJOB_AUDIENCE") or "taskjob"
        words = ("create", "token", chosen, f"--namespace={namespace}", f"--audience={audience}")
        return self.kubectl.run(*words, f"--duration={duration}").strip()


@contextlib.contextmanager
def forwarded(kubectl: Kubectl, namespace: str, service: str) -> Iterator[str]:
    """A free port of this machine that leads to the Service while the block lasts; its URL."""
    words = ("port-forward", f"--namespace={namespace}", f"service/{service}", f":{PORT}", "--address=127.0.0.1")
    process = kubectl.start(*words)
    try:
        yield f"http://127.0.0.1:{_port(process)}"
    finally:
        process.terminate()
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _port(process: subprocess.Popen[str]) -> str:
    """From the line that kubectl prints when it listens. Raises what it said instead."""
    assert process.stdout is not None
    assert process.stderr is not None
    end = time.monotonic() + FORWARD_SECONDS
    while (left := end - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        line = process.stdout.readline()
        if not line:
            raise refusal(process.stderr.read().strip())
        if found := re.search(r"127\.0\.0\.1:(\d+) ->", line):
            return found[1]
    raise CannotConnectError("kubectl port-forward did not begin to listen", hint="kubectl get pods -n taskjob-system")
