"""A real operator process beside a real API server, api and worker, for tests that look from the outside."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from control_plane import ControlPlane, RefusedError
from live_stack import WAIT_SECONDS, clean_environment, eventually, live_api, live_worker

JOBS = "/apis/taskjob.dev/v1alpha1"
SYSTEM = "taskjob-system"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/taskjob-operator"
_numbers = itertools.count(1)


class LiveOperator:
    """One operator process. `address` is that of health and metrics."""

    def __init__(self, folder: Path, kubeconfig: Path, api: str, **settings: str) -> None:
        self._log = folder / f"operator-{next(_numbers)}.log"
        values = {"API_URL": api, "KUBECONFIG": str(kubeconfig), "OPERATOR_PORT": "0", "LOG_LEVEL": "INFO"} | settings
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "taskjob.cli", "operator"],
                cwd=folder,
                env=clean_environment(**{f"TASKJOB_{name}": value for name, value in values.items()}),
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.address = eventually(self._address, "the operator's address")

    def log(self) -> str:
        return self._log.read_text()

    def ready(self) -> bool:
        return self.state() == "leading"

    def state(self) -> str:
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=30) as answer:
                return str(json.loads(answer.read())["status"])
        except urllib.error.HTTPError as error:
            with error:
                return str(json.loads(error.read())["status"])

    def metric(self, name: str, **labels: str) -> float:
        """The sum over all other labels."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        found = [line for line in lines if line.split("{")[0].split(" ")[0] == name]
        return sum(float(line.split()[-1]) for line in found if all(label in line for label in wanted))

    def wait_ready(self, seconds: float = 60.0) -> None:
        eventually(self.ready, "an operator that leads", seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Gracefully; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def memory_kib(self) -> int:
        """Proportional set size."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.log()
        for line in self.log().splitlines():
            if line.startswith("health "):
                return line.split()[1]
        return None


@contextlib.contextmanager
def live_operator(folder: Path, kubeconfig: Path, api: str, **settings: str) -> Iterator[LiveOperator]:
    operator = LiveOperator(folder, kubeconfig, api, **settings)
    try:
        yield operator
    finally:
        operator.thaw()
        operator.stop()


class Jobs:
    """TaskJobs of one namespace, as a user of Kubernetes handles them."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self._plane = plane
        self.namespace = namespace
        self.collection = f"{JOBS}/namespaces/{namespace}/taskjobs"
        self._queues = f"{JOBS}/namespaces/{namespace}/taskqueues"
        plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})

    def create(self, name: str | None = None, *, task: str = "add", payload: Any = None, **spec: Any) -> dict[str, Any]:
        metadata = {"name": name} if name else {"generateName": "job-"}
        default = {"a": 1, "b": 2} if task == "add" else {}
        return self.apply(metadata, task=task, payload=default if payload is None else payload, **spec)

    def apply(self, metadata: dict[str, Any], **spec: Any) -> dict[str, Any]:
        body = {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskJob", "metadata": metadata, "spec": spec}
        return dict(self._plane.call("POST", self.collection + "?fieldValidation=Strict", body))

    def get(self, name: str) -> dict[str, Any]:
        return dict(self._plane.call("GET", f"{self.collection}/{name}"))

    def all(self) -> list[dict[str, Any]]:
        return list(self._plane.call("GET", self.collection)["items"])

    def status(self, name: str) -> dict[str, Any]:
        return dict(self.get(name).get("status") or {})

    def create_queue(self, name: str, **spec: Any) -> None:
        """A TaskQueue in the same namespace."""
        body = {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": name}, "spec": spec}
        self._plane.call("POST", self._queues + "?fieldValidation=Strict", body)

    def queue(self, name: str) -> dict[str, Any]:
        return dict(self._plane.call("GET", f"{self._queues}/{name}"))

    def edit_queue(self, name: str, **spec: Any) -> None:
        self._plane.call("PATCH", f"{self._queues}/{name}", {"spec": spec}, "application/merge-patch+json")

    def delete_queue(self, name: str) -> None:
        self._plane.call("DELETE", f"{self._queues}/{name}")

    def exists(self, name: str) -> bool:
        try:
            self.get(name)
        except RefusedError as error:
            if error.code == 404:
                return False
            raise
        return True

    def edit(self, name: str, **spec: Any) -> dict[str, Any]:
        return dict(
            self._plane.call("PATCH", f"{self.collection}/{name}", {"spec": spec}, "application/merge-patch+json")
        )

    def delete(self, name: str) -> None:
        self._plane.call("DELETE", f"{self.collection}/{name}")

    def delete_all(self) -> None:
        self._plane.call("DELETE", self.collection)

    def until(self, name: str, phase: str, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """Its status once it has this phase."""
        eventually(lambda: self.status(name).get("phase") == phase, f"{name} {phase}", seconds)
        return self.status(name)

    def until_reason(self, name: str, reason: str, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        eventually(lambda: self.status(name).get("reason") == reason, f"{name} {reason}: {self.status(name)}", seconds)
        return self.status(name)


def conditions(status: dict[str, Any]) -> dict[str, str]:
    """Type → status."""
    return {one["type"]: one["status"] for one in status.get("conditions", ())}


class Watch:
    """All events of TaskJobs, seen by a watch of its own: (moment, type, object)."""

    def __init__(self, plane: ControlPlane, collection: str) -> None:
        self.events: list[tuple[float, str, dict[str, Any]]] = []
        start = plane.call("GET", collection)["metadata"]["resourceVersion"]
        self._connection, self._stream = plane.stream(
            f"{collection}?watch=true&resourceVersion={start}&timeoutSeconds=600"
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            for line in self._stream:
                event = json.loads(line)
                self.events.append((time.monotonic(), event["type"], event["object"]))

    def stop(self) -> None:
        assert self._connection.sock is not None
        self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._stream.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def statuses(self, name: str) -> list[dict[str, Any]]:
        """One for each write of its status, in order."""
        seen = [object_ for _, _, object_ in list(self.events) if object_["metadata"]["name"] == name]
        written: list[dict[str, Any]] = []
        for object_ in seen:
            status = object_.get("status") or {}
            if not written or written[-1] != status:
                written.append(status)
        return written[1:]

    def phases(self, name: str) -> list[str]:
        return [str(status.get("phase")) for status in self.statuses(name)]

    def writes(self) -> int:
        """Modifications of all objects; a creation is none."""
        return sum(kind == "MODIFIED" for _, kind, _ in list(self.events))


class Stack:
    """A cluster's API server, our api with a SQLite store and a worker; the operator is the test's to start."""

    def __init__(self, plane: ControlPlane, folder: Path, url: str, gateway: str, end_api: Callable[[], None]) -> None:
        self.plane = plane
        self.end_api = end_api
        self.folder = folder
        self.url = url
        self.gateway = gateway

    @contextlib.contextmanager
    def operator(self, kubeconfig: Path | None = None, *, wait: bool = True, **settings: str) -> Iterator[LiveOperator]:
        """A machine that is busy for a moment costs it no Lease, unless `settings` say otherwise."""
        given = {"SWEEP_CONFIRM_SECONDS": "0.5", "LEASE_SECONDS": "30"} | settings
        with live_operator(self.folder, kubeconfig or self.plane.kubeconfig, self.url, **given) as operator:
            if wait:
                operator.wait_ready()
            yield operator

    @contextlib.contextmanager
    def successor(self, kubeconfig: Path | None = None, **settings: str) -> Iterator[LiveOperator]:
        """The operator after one that was killed. Nobody waits for the Lease of that one to run out."""
        self.plane.call("DELETE", LEASE)
        with self.operator(kubeconfig, **settings) as operator:
            yield operator

    def jobs(self) -> Jobs:
        """A namespace of one's own, without a worker."""
        return Jobs(self.plane, f"ns-{next(_numbers)}")

    @contextlib.contextmanager
    def served_jobs(self) -> Iterator[Jobs]:
        """A namespace of one's own, with a worker."""
        jobs = self.jobs()
        with self.worker(jobs.namespace):
            yield jobs

    @contextlib.contextmanager
    def worker(self, namespace: str, *queues: str) -> Iterator[None]:
        with live_worker(self.folder, self.gateway, namespace=namespace, queues=queues or ("default",)):
            eventually(lambda: self._rest(f"{namespace}/workers")["items"], "a worker")
            yield

    def cli(self, *words: str) -> str:
        """What `taskjob` prints for these words; it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "taskjob.cli", *words],
            env=clean_environment(TASKJOB_SERVER=self.url),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout

    def engine_jobs(self, namespace: str) -> list[dict[str, Any]]:
        """As the engine has them."""
        return list(self._rest(f"{namespace}/jobs")["items"])

    def engine_queue(self, namespace: str, name: str) -> dict[str, Any]:
        """As the engine has it; empty where it has none."""
        queues = self._rest(f"{namespace}/queues")["items"]
        return next((dict(queue) for queue in queues if queue["name"] == name), {})

    def submit(self, namespace: str, document: dict[str, Any]) -> dict[str, Any]:
        """By REST."""
        return dict(self._rest(f"{namespace}/jobs", document))

    def _rest(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(f"{self.url}/v1/namespaces/{path}")
        request.add_header("Content-Type", "application/json")
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=30) as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def stack_on(plane: ControlPlane, folder: Path, **settings: str) -> Iterator[Stack]:
    store = {"STORE": f"sqlite:///{folder}/taskjob.db"} | settings
    api = contextlib.ExitStack()
    with api:
        url, gateway = api.enter_context(live_api(folder, **store))
        yield Stack(plane, folder, url, gateway, api.close)


__all__ = [
    "Jobs",
    "LiveOperator",
    "Stack",
    "Watch",
    "conditions",
    "eventually",
    "live_worker",
    "stack_on",
]
