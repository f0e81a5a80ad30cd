"""A real API server of one's own: kube-apiserver over etcd on loopback, in a few seconds, without nodes.

Everything that the operator asks of Kubernetes is answered by the released programs: schemas, CEL rules, watches,
Leases, RBAC. What needs pods runs on a kind cluster instead.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from certificates import require_openssl

from taskjob.cli.dev.ports import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 90.0
ADMIN = "admin-of-a-test"


def node_program() -> Path:
    """The program that acts as etcd and kube-apiserver; built where it can be."""
    if named := os.environ.get("TASKJOB_NODE_PROGRAM"):
        return Path(named)
    if not (ROOT / "hack/kind/tools.py").exists():
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taskjob/kind"
        found = sorted(cache.glob("tools-*/node"))
        if not found:
            pytest.skip("no kube-apiserver: run `make cluster-up` once, or name one in TASKJOB_NODE_PROGRAM")
        return found[-1]
    script = "import sys; sys.path.insert(0, 'hack/kind'); import tools; print(tools.tools('node')['node'])"
    built = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=2400
    )
    if built.returncode:
        pytest.skip(f"no kube-apiserver can be built here: {built.stderr[-500:]}")
    return Path(built.stdout.strip().splitlines()[-1])


class RefusedError(Exception):
    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"{code}: {said[:500]}")
        self.code = code


class ControlPlane:
    """`url` and `kubeconfig` of the administrator. `stop_api` and `start_api` restart it with its data kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs: dict[str, Path] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._port = free_port()
        self._etcd = free_port()
        self._etcd_peer = free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        self.kubeconfig = folder / "kubeconfig"
        self.authority = str(folder / "certificates/apiserver.crt")
        self._kinds: list[str] = []
        self._trust: ssl.SSLContext | None = None

    def start(self) -> None:
        program = node_program()
        for name in ("etcd", "kube-apiserver", "kubectl"):
            self._programs[name] = self._folder / name
            self._programs[name].symlink_to(program)
        require_openssl()
        key = self._folder / "service-accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        (self._folder / "tokens.csv").write_text(f'{ADMIN},admin,1,"system:masters"\n')
        self._start_etcd()
        self.start_api()
        self._write_kubeconfig(self.kubeconfig, ADMIN)

    def stop(self) -> None:
        for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
            self._end(name)

    def start_controllers(self) -> None:
        """Deployments get ReplicaSets and pods, owners take what they own along. No pod ever runs: there are no
        nodes."""
        name = "kube-controller-manager"
        self._programs[name] = self._folder / name
        self._programs[name].symlink_to(node_program())
        self._run(
            name,
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self._folder}/service-accounts.key",
            f"--cert-dir={self._folder}/controllers",
            "--bind-address=127.0.0.1",
            f"--secure-port={free_port()}",
            "--leader-elect=false",
        )

    def start_api(self) -> None:
        address = "127.0.0.1"
        key = self._folder / "service-accounts.key"
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://{address}:{self._etcd}",
            f"--bind-address={address}",
            f"--advertise-address={address}",
            f"--secure-port={self._port}",
            f"--cert-dir={self._folder}/certificates",
            f"--token-auth-file={self._folder}/tokens.csv",
            "--authorization-mode=RBAC",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.250.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--watch-cache=true",
            "--v=1",
        )
        self._wait_ready()

    def stop_api(self) -> None:
        self._end("kube-apiserver")

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """As the administrator. Raises `RefusedError`."""
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", f"Bearer {ADMIN}")
        request.add_header("Content-Type", content_type)
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=30, context=self._context()) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(error.code, error.read().decode()) from None

    def stream(self, path: str) -> tuple[http.client.HTTPSConnection, http.client.HTTPResponse]:
        """An answer that goes on, line by line, until its connection's socket is shut down."""
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=600, context=self._context())
        connection.request("GET", path, headers={"Authorization": f"Bearer {ADMIN}"})
        return connection, connection.getresponse()

    def install(self, *files: Path) -> None:
        """Definitions, until they are served."""
        for file in files:
            for document in yaml.safe_load_all(file.read_text()):
                self.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", document)
                spec = document["spec"]
                self._kinds.append(f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}")
        self._wait_ready()

    def kubectl(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        done = subprocess.run(
            [str(self._programs["kubectl"]), *words],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self._folder)},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout + ("" if check else done.stderr)

    def kubeconfig_through(self, url: str) -> Path:
        """The same identity, by way of a proxy."""
        path = self._folder / f"kubeconfig-{url.rpartition(':')[2]}"
        self._write_kubeconfig(path, ADMIN, url)
        return path

    def _served(self, path: str) -> bool:
        try:
            self.call("GET", path)
        except RefusedError as error:
            if error.code in {404, 429, 503}:
                return False
            raise
        return True

    def _write_kubeconfig(self, path: Path, token: str, url: str | None = None) -> None:
        cluster: dict[str, Any] = {"server": url or self.url}
        if url is None:
            cluster["certificate-authority"] = str(self._folder / "certificates/apiserver.crt")
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        path.write_text(yaml.safe_dump(config))

    def _start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self._etcd}", f"http://127.0.0.1:{self._etcd_peer}"
        self._run(
            "etcd",
            f"--data-dir={self._folder}/etcd-data",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=error",
        )

    def _run(self, name: str, *arguments: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(self._programs[name]), *arguments], stdout=log, stderr=log, cwd=self._folder
            )

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _context(self) -> ssl.SSLContext:
        if self._trust is None:
            self._trust = ssl.create_default_context(cafile=str(self._folder / "certificates/apiserver.crt"))
        return self._trust

    def _wait_ready(self) -> None:
        def ready() -> bool:
            try:
                self.call("GET", "/api/v1/namespaces/kube-system")
            except (OSError, ValueError, RefusedError):
                return False
            return True

        self._until(ready, f"kube-apiserver is not ready, see {self._folder}")
        self._until(lambda: all(map(self._served, self._kinds)), "a definition is not served")

    def _until(self, reached: Any, what: str) -> None:
        end = time.monotonic() + START_SECONDS
        while not reached():
            for name, process in self._processes.items():
                assert process.poll() is None, (name, (self._folder / f"{name}.log").read_text()[-3000:])
            assert time.monotonic() < end, what
            time.sleep(0.05)


@contextlib.contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    plane = ControlPlane(folder)
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()
