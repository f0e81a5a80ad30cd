"""An API server that keeps objects, versions and watches as a real one does, and fails as a test says.

Only for faults that a real one cannot be asked for; how it behaves otherwise is shown by the tests on a real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from own_thread import Site, running

PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>status|scale))?"
)
APPLY = "application/apply-patch+yaml"
SERVED = {
    "/api": {"versions": ["v1"]},
    "/apis": {
        "groups": [
            {
                "name": "taskjob.dev",
                "versions": [{"version": "v1alpha1"}],
                "preferredVersion": {"version": "v1alpha1"},
            }
        ]
    },
    "/api/v1": {
        "resources": [
            {"name": name, "kind": kind, "singularName": "", "namespaced": namespaced, "verbs": ["list", "watch"]}
            for name, kind, namespaced in (("namespaces", "Namespace", False), ("events", "Event", True))
        ]
    },
    "/apis/taskjob.dev/v1alpha1": {
        "resources": [
            {"name": name, "kind": kind, "singularName": "", "namespaced": True, "verbs": ["list", "watch", "patch"]}
            for name, kind in (("taskjobs", "TaskJob"), ("taskqueues", "TaskQueue"))
        ]
    },
}


class ScriptedCluster:
    """Objects by (plural, namespace, name). What `fail` is given is answered once for each; `mute` has watches say
    nothing from now on, though they stay open."""

    def __init__(self) -> None:
        self._versions = itertools.count(1000)
        self._objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._history: list[tuple[int, str, str, bytes]] = []
        self._watches: dict[asyncio.Queue[bytes | None], tuple[str, str | None]] = {}
        self._faults: dict[str, list[tuple[int, Any, dict[str, str]]]] = {}
        self._held: dict[tuple[str, str | None], asyncio.Event] = {}
        self.calls: list[str] = []
        self.muted = False
        self.url = ""
        self._put("namespaces", "", "kube-system", {"metadata": {"uid": str(uuid.uuid4())}})

    # ---- what a test does

    def fail(self, call: str, status: int, times: int = 1, message: str = "scripted", **headers: str) -> None:
        """The next calls whose "METHOD plural" or "METHOD plural/sub" is `call`: list, watch, get, patch and so on."""
        said = {"kind": "Status", "code": status, "reason": "Scripted", "message": message, "details": {}}
        for _ in range(times):
            self._faults.setdefault(call, []).append((status, said, headers))

    def mend(self, call: str) -> None:
        """Such calls fail no more."""
        self._in_loop(lambda: self._faults.pop(call, None))

    def hold(self, call: str, name: str | None) -> None:
        """Such calls for that object are answered only after `release`; None: those whose path names none."""
        self._held[call, name] = asyncio.Event()

    def release(self, call: str, name: str | None) -> None:
        self._in_loop(self._held.pop((call, name)).set)

    def watched(self, plural: str) -> bool:
        """Whether a watch of this kind is open: what a list showed is behind it."""
        return any(watched == plural for watched, _ in list(self._watches.values()))

    def break_watches(self, plural: str, code: int) -> None:
        """An ERROR event in each open watch of this kind, and the end of it."""
        event = {"type": "ERROR", "object": {"kind": "Status", "code": code, "reason": "Scripted", "message": "x"}}
        self._tell_all(plural, json.dumps(event).encode() + b"\n", end=True)

    def garble_watches(self, plural: str) -> None:
        self._tell_all(plural, b'{"type": "ADDED", "object": {"metadata"\n', end=True)

    def create(self, namespace: str, name: str, metadata: dict[str, Any] | None = None, **spec: Any) -> None:
        body = {"metadata": metadata or {}, "spec": {"queue": "default"} | spec}
        self._in_loop(lambda: self._put("taskjobs", namespace, name, body, "ADDED"))

    def put(self, plural: str, namespace: str, name: str, **body: Any) -> None:
        """An object of another kind, there from now on."""
        kind = "MODIFIED" if (plural, namespace, name) in self._objects else "ADDED"
        self._in_loop(lambda: self._put(plural, namespace, name, body, kind))

    def get(self, plural: str, namespace: str, name: str) -> dict[str, Any]:
        return self._objects[plural, namespace, name]

    def edit(self, namespace: str, name: str, **spec: Any) -> None:
        """As a user does: the generation grows."""

        def act() -> None:
            one = self._objects["taskjobs", namespace, name]
            meta = {**one["metadata"], "generation": one["metadata"]["generation"] + 1}
            changed = {**one, "metadata": meta, "spec": {**one["spec"], **spec}}
            self._put("taskjobs", namespace, name, changed, "MODIFIED")

        self._in_loop(act)

    def set_status(self, namespace: str, name: str, status: dict[str, Any]) -> None:
        """As somebody does who must not."""
        self._in_loop(
            lambda: self._put(
                "taskjobs",
                namespace,
                name,
                {**self._objects["taskjobs", namespace, name], "status": status},
                "MODIFIED",
            )
        )

    def delete(self, namespace: str, name: str, *, plural: str = "taskjobs", unseen: bool = False) -> None:
        """`unseen`: no watch is told of it."""
        self._in_loop(lambda: self._drop(plural, namespace, name, unseen=unseen))

    def say_deleted(self, namespace: str, name: str) -> None:
        """What is not true."""
        one = self._objects["taskjobs", namespace, name]
        self._in_loop(lambda: self._tell("taskjobs", namespace, "DELETED", one))

    def events(self) -> list[dict[str, Any]]:
        """Events of all namespaces, in the order in which they were posted."""
        return [one for (plural, _, _), one in list(self._objects.items()) if plural == "events"]

    def exists(self, namespace: str, name: str) -> bool:
        return ("taskjobs", namespace, name) in self._objects

    def status(self, namespace: str, name: str) -> dict[str, Any]:
        return dict(self.get("taskjobs", namespace, name).get("status") or {})

    def kubeconfig(self, folder: Path) -> Path:
        path = folder / "kubeconfig"
        path.write_text(
            yaml.safe_dump(
                {
                    "clusters": [{"name": "x", "cluster": {"server": self.url}}],
                    "contexts": [{"name": "x", "context": {"cluster": "x"}}],
                    "current-context": "x",
                }
            )
        )
        return path

    # ---- what it answers

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in SERVED:
            return web.json_response(SERVED[request.path])
        found = PATH.fullmatch(request.path)
        if found is None:
            return self._failure(404, "")
        verb = {"GET": "get" if found["name"] else "watch" if "watch" in request.query else "list"}.get(
            request.method, request.method.lower()
        )
        call = f"{verb} {found['plural']}" + (f"/{found['sub']}" if found["sub"] else "")
        self.calls.append(call)
        if (held := self._held.get((call, found["name"]))) is not None:
            await held.wait()
        if self._faults.get(call):
            status, said, headers = self._faults[call].pop(0)
            return web.json_response(said, status=status, headers=headers)
        answers = {
            "list": self._list,
            "watch": self._watch,
            "get": self._get,
            "post": self._create,
            "put": self._replace,
            "patch": self._patch,
            "delete": self._delete,
        }
        return await answers[verb](request, found)

    async def _list(self, request: web.Request, found: re.Match[str]) -> web.StreamResponse:
        items = [
            one
            for (plural, namespace, _), one in self._objects.items()
            if plural == found["plural"] and found["namespace"] in {None, namespace}
        ]
        start, limit = int(request.query.get("continue", 0)), int(request.query.get("limit", 10_000))
        if start and self._faults.get("continue"):
            status, said, _ = self._faults["continue"].pop(0)
            return web.json_response(said, status=status)
        meta: dict[str, Any] = {"resourceVersion": str(next(self._versions))}
        if start + limit < len(items):
            meta["continue"] = str(start + limit)
        return web.json_response({"kind": "List", "metadata": meta, "items": items[start : start + limit]})

    async def _watch(self, request: web.Request, found: re.Match[str]) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        for version, plural, namespace, line in self._history:
            later = version > int(request.query.get("resourceVersion", 0))
            if later and plural == found["plural"] and found["namespace"] in {None, namespace}:
                queue.put_nowait(line)
        self._watches[queue] = (found["plural"], found["namespace"])
        try:
            while (line := await queue.get()) is not None:
                await response.write(line)
        finally:
            del self._watches[queue]
        return response

    async def _get(self, _: web.Request, found: re.Match[str]) -> web.StreamResponse:
        one = self._objects.get((found["plural"], found["namespace"] or "", found["name"]))
        return self._failure(404, found["name"]) if one is None else web.json_response(one)

    async def _create(self, request: web.Request, found: re.Match[str]) -> web.StreamResponse:
        body = await request.json()
        key = (found["plural"], found["namespace"], body["metadata"]["name"])
        if key in self._objects:
            return self._failure(409, key[2], "AlreadyExists")
        return web.json_response(self._put(*key, body), status=201)

    async def _replace(self, request: web.Request, found: re.Match[str]) -> web.StreamResponse:
        body = await request.json()
        key = (found["plural"], found["namespace"], found["name"])
        if self._objects[key]["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            return self._failure(409, found["name"])
        return web.json_response(self._put(*key, body))

    async def _patch(self, request: web.Request, found: re.Match[str]) -> web.StreamResponse:
        key = (found["plural"], found["namespace"], found["name"])
        one = self._objects.get(key)
        if request.content_type == APPLY:
            return web.json_response(self._apply(key, one or {}, await request.json()))
        if one is None:
            return self._failure(404, found["name"])
        if found["sub"] == "scale" or "apply-patch" in request.content_type:
            spec = {**one["spec"], **(await request.json())["spec"]}
            return web.json_response(self._put(*key, {**one, "spec": spec}, "MODIFIED"))
        test, add = await request.json()
        if one["metadata"]["uid"] != test["value"]:
            return self._failure(422, found["name"])
        return web.json_response(self._put(*key, {**one, "status": add["value"]}, "MODIFIED"))

    async def _delete(self, _: web.Request, found: re.Match[str]) -> web.StreamResponse:
        self._drop(found["plural"], found["namespace"], found["name"])
        return web.json_response({})

    # ---- what it keeps

    def _apply(self, key: tuple[str, str, str], one: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """Whole fields at a time, which is enough for who applies whole objects."""
        spec = {**one.get("spec", {}), **given["spec"]}
        return self._put(*key, {**one, "spec": spec, "metadata": {**one.get("metadata", {}), **given["metadata"]}})

    def _put(self, plural: str, namespace: str, name: str, body: dict[str, Any], kind: str = "") -> dict[str, Any]:
        meta = {"uid": str(uuid.uuid4()), "generation": 1, "creationTimestamp": "2026-11-23T06:00:00Z"}
        meta |= body.get("metadata") or {}
        meta |= {"name": name, "resourceVersion": str(next(self._versions))} | (
            {"namespace": namespace} if namespace else {}
        )
        one = {**body, "metadata": meta}
        self._objects[plural, namespace, name] = one
        if kind:
            self._tell(plural, namespace, kind, one)
        return one

    def _drop(self, plural: str, namespace: str, name: str, *, unseen: bool = False) -> None:
        one = self._objects.pop((plural, namespace, name))
        one["metadata"]["resourceVersion"] = str(next(self._versions))
        if not unseen:
            self._tell(plural, namespace, "DELETED", one)

    def _tell(self, plural: str, namespace: str, kind: str, one: dict[str, Any]) -> None:
        line = json.dumps({"type": kind, "object": one}).encode() + b"\n"
        self._history.append((int(one["metadata"]["resourceVersion"]), plural, namespace, line))
        for queue, (watched, where) in self._watches.items():
            if watched == plural and where in {None, namespace} and not self.muted:
                queue.put_nowait(line)

    def _tell_all(self, plural: str, line: bytes, *, end: bool) -> None:
        def tell() -> None:
            for queue, (watched, _) in self._watches.items():
                if watched == plural:
                    queue.put_nowait(line)
                    if end:
                        queue.put_nowait(None)

        self._in_loop(tell)

    def _failure(self, status: int, name: str, reason: str = "") -> web.Response:
        reason = reason or {404: "NotFound", 409: "Conflict", 422: "Invalid"}[status]
        said = {"kind": "Status", "code": status, "reason": reason, "message": f'taskjobs.taskjob.dev "{name}" failed'}
        return web.json_response(said, status=status)

    def _in_loop(self, action: Any) -> None:
        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)

    @contextlib.contextmanager
    def running(self) -> Iterator[ScriptedCluster]:
        """In a thread of its own."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        with running(Site(app)) as site:
            self.url, self._loop = site.url, site.loop
            yield self
