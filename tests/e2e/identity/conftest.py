"""The api in front of a real API server, with the rights of its own ServiceAccount and no others."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import yaml
from certificates import require_openssl
from kube_cluster import Cluster
from kube_people import People

from taskjob.cli.dev.ports import free_port
from taskjob.wire.codec import decode_to_worker, encode, encode_line
from taskjob.wire.messages import Exchange, Register
from taskjob_api.server import running
from taskjob_api.settings import ApiSettings


@pytest.fixture(scope="session")
def people(cluster: Cluster) -> Iterator[People]:
    found = People(cluster.kubeconfig)
    yield found
    found.leave()


@pytest.fixture(scope="session")
def system(people: People) -> str:
    """The namespace of api and operator, with the project's RBAC installed."""
    return people.install()


@pytest.fixture
def media(people: People, system: str) -> str:
    """A namespace with the ServiceAccounts ci, w and w2, none of which has any right."""
    namespace = people.namespace(f"media-{os.urandom(2).hex()}")
    for name in ("ci", "w", "w2"):
        people.account(namespace, name)
    return namespace


@pytest.fixture
def other(people: People) -> str:
    return people.namespace(f"other-{os.urandom(2).hex()}")


class Relay:
    """A TCP relay before the API server, which a test may take down."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._server: Any = None
        self._writers: set[Any] = set()
        self.port = free_port()

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def down(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: Any, writer: Any) -> None:
        there, back = await asyncio.open_connection(*self._to)
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        except asyncio.CancelledError:
            return  # the test is over
        finally:
            self._writers -= {writer, back}

    async def _copy(self, reader: Any, writer: Any) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


class Api:
    """REST and gateway of a running api; tokens are shown as given."""

    def __init__(self, rest: str, gateway: str, relay: Relay) -> None:
        self.http = httpx2.AsyncClient(base_url=rest, timeout=30)
        self.gateway = ("127.0.0.1", int(gateway.rpartition(":")[2]))
        self.relay = relay
        self.seq = 0

    async def call(self, token: str, method: str, path: str, body: Any = None) -> httpx2.Response:
        return await self.http.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})

    async def jobs(self, token: str, namespace: str) -> tuple[int, str | None]:
        answer = await self.call(token, "GET", f"/v1/namespaces/{namespace}/jobs")
        return answer.status_code, answer.json().get("code")

    async def submit(self, token: str, namespace: str, **document: Any) -> httpx2.Response:
        return await self.call(token, "POST", f"/v1/namespaces/{namespace}/jobs", {"task": "noop"} | document)

    async def say(self, token: str, message: Any) -> Any:
        """One message over HTTP."""
        answer = await self.http.post(
            "/worker/v1/exchange",
            content=encode(message),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        return decode_to_worker(answer.content)

    async def register(self, token: str, *queues: str, namespace: str | None = None) -> Any:
        hello = Register(
            protocol=(1,), worker="w", queues=queues or ("default",), tasks=("noop",), slots=4, namespace=namespace
        )
        return await self.say(token, hello)

    async def exchange(self, token: str, welcome: Any, **fields: Any) -> Any:
        self.seq += 1
        named = {"session": welcome.session, "epoch": welcome.epoch, "holding": fields.pop("holding", ())}
        return await self.say(token, Exchange(seq=self.seq, **named, **fields))

    @contextlib.contextmanager
    def connection(self, token: str, *queues: str, namespace: str | None = None) -> Iterator[Any]:
        """A TCP connection that has registered; its next messages by `next`."""
        hello = Register(
            protocol=(1,),
            worker="w",
            queues=queues or ("default",),
            tasks=("noop",),
            slots=4,
            namespace=namespace,
            token=token,
        )
        with socket.create_connection(
            self.gateway, timeout=30
        ) as wire:  # the API server itself remembers a yes for 10 s
            wire.sendall(encode_line(hello))
            with wire.makefile("rb") as lines:
                yield (decode_to_worker(line) for line in lines)


@pytest.fixture
async def api(people: People, system: str, tmp_path: Path) -> AsyncIterator[Api]:
    server = httpx2.URL(people.target.server)
    relay = Relay(server.host, server.port or 443)
    await relay.up()
    (tmp_path / "token").write_text(people.token(system, "taskjob-api"))
    authority = people.target.authority.read()
    assert authority is not None
    (tmp_path / "ca.crt").write_bytes(authority)
    config = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "here", "user": "api"}}],
        "clusters": [
            {
                "name": "here",
                "cluster": {
                    "server": f"https://127.0.0.1:{relay.port}",
                    "certificate-authority": "ca.crt",
                    "tls-server-name": "kubernetes.default.svc",
                },
            }
        ],
        "users": [{"name": "api", "user": {"tokenFile": "token"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    settings = ApiSettings(
        auth="kubernetes",
        kubeconfig=str(tmp_path / "kubeconfig"),
        operator_service_account=f"{system}/taskjob-operator",
        store="memory://",
        artifacts=str(tmp_path / "artifacts"),
        port=0,
        gateway_port=0,
    )
    async with running(settings) as run:
        found = Api(run.addresses.rest, run.addresses.gateway, relay)
        yield found
        await found.http.aclose()
    await relay.down()


@pytest.fixture(scope="session")
def signing_key(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key with which the cluster signs the tokens of ServiceAccounts: of a kind node, or as told."""
    if told := os.environ.get("TASKJOB_TEST_SIGNING_KEY"):
        return Path(told)
    if not cluster.ours:
        pytest.skip("a given cluster keeps its signing key: TASKJOB_TEST_SIGNING_KEY names a copy")
    label = "label=io.x-k8s.kind.role=control-plane"
    node = cluster.docker("ps", "--filter", label, "--format", "{{.Names}}").split()[0]
    path = tmp_path_factory.mktemp("key") / "sa.key"
    path.touch(0o600)
    path.write_text(cluster.docker("exec", node, "cat", "/etc/kubernetes/pki/sa.key"))
    return path


@pytest.fixture
def sign(signing_key: Path) -> Any:
    """Makes a token like another one, with other claims."""
    require_openssl()

    def like(token: str, **claims: Any) -> str:
        head, body, _ = token.split(".")
        payload = json.loads(_decoded(body)) | claims
        text = f"{head}.{_encoded(msgspec.json.encode(payload))}"
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(signing_key)],
            input=text.encode(),
            capture_output=True,
            check=True,
        ).stdout
        return f"{text}.{_encoded(signature)}"

    return like


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
