"""Custom resources as the plugin changes them: by patches of the spec, with the rights of the kubeconfig alone."""

from __future__ import annotations

import json
from typing import Any

from taskjob.cli.plugin.kubectl import Kubectl
from taskjob.errors import ConflictError, NotFoundError

TRIES = 5
TASKJOB, TASKQUEUE = "taskjobs.taskjob.dev", "taskqueues.taskjob.dev"


class Objects:
    """Those of one kind in one namespace."""

    def __init__(self, kubectl: Kubectl, kind: str, namespace: str) -> None:
        self._kubectl = kubectl
        self._kind = kind
        self._where = f"--namespace={namespace}"

    def find(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._kubectl.read("get", self._kind, name, self._where)
        except NotFoundError:
            return None
        return found

    def set(self, name: str, **spec: Any) -> None:
        """Merge into the spec. Raises `NotFoundError`, `ForbiddenError`."""
        self._patch(name, {"spec": spec})

    def count_up(self, name: str, field: str) -> int:
        """Raise a number of the spec by one, once, whoever else does the same; the new number."""
        for _ in range(TRIES):
            found = self.find(name)
            if found is None:
                raise NotFoundError(f"no {self._kind} {name!r}")
            number = int(found["spec"].get(field) or 0) + 1
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            try:
                self._patch(name, {"metadata": version, "spec": {field: number}})
            except ConflictError:
                continue
            return number
        raise ConflictError(f"{self._kind} {name!r} is changed all the time", hint="try again")

    def wait(self, name: str, condition: str, seconds: float | None) -> None:
        """Raises `TimeoutError`."""
        limit = 7 * 86_400 if seconds is None else max(1, round(seconds))
        words = ("wait", f"{self._kind}/{name}", self._where, f"--for=condition={condition}", f"--timeout={limit}s")
        try:
            self._kubectl.run("--request-timeout=0", *words, seconds=limit + 30.0)
        except Exception as error:
            if "timed out waiting" in str(error):
                raise TimeoutError(f"{name} did not become {condition} within {limit} s") from None
            raise

    def _patch(self, name: str, patch: dict[str, Any]) -> None:
        self._kubectl.run("patch", self._kind, name, self._where, "--type=merge", f"--patch={json.dumps(patch)}")
