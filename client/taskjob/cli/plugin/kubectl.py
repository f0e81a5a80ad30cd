"""kubectl as the plugin calls it: its own kubeconfig and context, its refusals as errors of ours."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import msgspec

from taskjob.errors import (
    CannotConnectError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TaskJobError,
    UnauthenticatedError,
)

SECONDS = 30.0
_SAID = re.compile(r"Error from server \((\w+)\): (.*)", re.DOTALL)
_REFUSALS: dict[str, type[TaskJobError]] = {
    "NotFound": NotFoundError,
    "Forbidden": ForbiddenError,
    "Unauthorized": UnauthenticatedError,
    "Conflict": ConflictError,
}


class Kubectl(msgspec.Struct, frozen=True):
    """`flags` choose kubeconfig and context; they stand before each command."""

    flags: tuple[str, ...] = ()

    def run(self, *arguments: str, seconds: float = SECONDS) -> str:
        """What it printed. Raises a `TaskJobError` with what the API server said."""
        command = ["kubectl", *self.flags, f"--request-timeout={SECONDS:.0f}s", *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - no shell; the words are ours or the user's own
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=seconds
            )
        except FileNotFoundError:
            raise no_kubectl() from None
        except subprocess.TimeoutExpired:
            raise CannotConnectError(f"kubectl {arguments[0]} did not end within {seconds:.0f} s") from None
        if done.returncode:
            raise refusal(done.stderr.strip())
        return done.stdout

    def read(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--output=json"))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on; whoever starts it ends it."""
        try:
            return subprocess.Popen(  # noqa: S603 - as above
                ["kubectl", *self.flags, *arguments],  # noqa: S607 - the user's own, as for every plugin
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is for us; it is ended when we have ended
            )
        except FileNotFoundError:
            raise no_kubectl() from None


def refusal(said: str) -> TaskJobError:
    found = _SAID.search(said)
    if found is not None:
        return _REFUSALS.get(found[1], InvalidError)(found[2].strip())
    said = said.removeprefix("error: ")
    if re.search(r"connect|refused|timeout|timed out|no such host|TLS|x509", said, re.IGNORECASE):
        return CannotConnectError(said or "kubectl failed", hint="kubectl cluster-info")
    return InvalidError(said or "kubectl failed", hint="kubectl config current-context")


def no_kubectl() -> InvalidError:
    return InvalidError("kubectl is not on the PATH", hint="https://kubernetes.io/docs/tasks/tools/")
