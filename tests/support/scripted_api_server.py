"""An API server that answers reviews as a test scripts it, faults included. What a real one says, e2e/identity asks."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from pathlib import Path
from typing import Any

import yaml

TOKENS = "/apis/authentication.k8s.io/v1/tokenreviews"
RIGHTS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def signed(**claims: Any) -> str:
    """What has the form of a token of Kubernetes; only the script knows whether it is one."""
    payload = {"exp": time.time() + 3600, **claims}
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJSUzI1NiJ9.{body}.c2lnbmF0dXJl"


class ScriptedApiServer:
    """`tokens`: token → (username, audiences, extra). `rights`: (user, verb, resource, namespace[, name]).
    `fault`: hang, drop, cut, garbage, endless, or a status; None again to mend it."""

    def __init__(self) -> None:
        self.tokens: dict[str, tuple[str, list[str] | None, dict[str, list[str]]]] = {}
        self.rights: set[tuple[str, ...]] = set()
        self.fault: str | int | None = None
        self.faults_left: int | None = None
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.credentials: list[str | None] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.url = ""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, context: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'http' if context is None else 'https'}://127.0.0.1:{port}"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    def knows(self, username: str, *audiences: str, claims: dict[str, Any] | None = None, **extra: str) -> str:
        """A token of `username`; `pod` names the pod it is bound to."""
        token = signed(sub=username, number=len(self.tokens), **(claims or {}))
        found = {f"authentication.kubernetes.io/{name}-uid": [value] for name, value in extra.items()}
        self.tokens[token] = (username, list(audiences) or None, found)
        return token

    def kubeconfig(self, folder: Path, **cluster: Any) -> Path:
        path = folder / "kubeconfig"
        config = {
            "current-context": "one",
            "contexts": [{"name": "one", "context": {"cluster": "here", "user": "api"}}],
            "clusters": [{"name": "here", "cluster": {"server": self.url, **cluster}}],
            "users": [{"name": "api", "user": {"token": "credential-of-the-api"}}],
        }
        path.write_text(yaml.safe_dump(config))
        return path

    def asked_of(self, path: str) -> list[dict[str, Any]]:
        return [spec for asked, spec in self.asked if asked == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while line := await reader.readline():
                headers = {}
                while (header := await reader.readline()) not in {b"\r\n", b""}:
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.credentials.append(headers.get("authorization"))
                self.asked.append((line.decode().split()[1], json.loads(body)["spec"]))
                if not await self._answer(writer):
                    return
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> bool:
        path, spec = self.asked[-1]
        await self.hold.wait()
        fault = self.fault
        if fault is not None and self.faults_left is not None:
            self.faults_left -= 1
            if self.faults_left < 0:
                fault = None
        match fault:
            case "hang":
                await asyncio.Event().wait()
            case "drop":
                return False
            case "cut":
                writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{")
                return False
            case "endless":
                writer.write(b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n")
                while True:
                    writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
                    await writer.drain()
            case "garbage":
                _write(writer, 201, b'{"kind":"Status","status":"Failure"}')
            case int():
                _write(writer, fault, b"{}", "retry-after: 7\r\n")
            case _:
                status = self._identify(spec) if path == TOKENS else {"allowed": self._allowed(spec)}
                _write(writer, 201, json.dumps({"status": status}).encode())
        await writer.drain()
        return True

    def _identify(self, spec: dict[str, Any]) -> dict[str, Any]:
        username, audiences, extra = self.tokens.get(spec["token"], ("", [], {}))
        if audiences is None:
            return {"authenticated": True, "user": {"username": username, "extra": extra}}
        meant = [audience for audience in audiences if audience in spec["audiences"]]
        if not meant:
            return {"user": {}, "error": "token audiences are not valid"}
        user = {"username": username, "uid": "1", "groups": ["system:authenticated"], "extra": extra}
        return {"authenticated": True, "user": user, "audiences": meant}

    def _allowed(self, spec: dict[str, Any]) -> bool:
        asked = spec["resourceAttributes"]
        resource = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
        right = (spec["user"], asked["verb"], resource, asked["namespace"])
        return asked["group"] == "taskjob.dev" and (right in self.rights or (*right, asked.get("name")) in self.rights)


def _write(writer: asyncio.StreamWriter, status: int, body: bytes, more: str = "") -> None:
    head = f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    writer.write(head.encode() + body)
