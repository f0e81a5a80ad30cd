"""The one place of the api that speaks to Kubernetes: TokenReview and SubjectAccessReview, as plain REST.

It asks, and tells yes, no, or that there is no answer. Nothing is kept and nothing decided here. Tokens are in the
bodies it sends and nowhere else: not in a log, not in an error.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, TypeVar

import httpx2
import msgspec

from taskjob.errors import UnavailableError
from taskjob_api.identity.reviews import Access, Identified, Subject
from taskjob_api.kubernetes.target import Target
from taskjob_api.rights import GROUP

log = logging.getLogger(__name__)

REVIEW_SECONDS = 4.0
"""Longest time of one review, the wait for its turn and one repeat included; below the gateway's own patience."""

MAX_AT_ONCE = 64
MAX_ANSWER_BYTES = 1024 * 1024
_LONGEST_RETRY_SECONDS = 30.0

_TIMEOUT = httpx2.Timeout(3.0, connect=2.0)
_BROKEN = (httpx2.NetworkError, httpx2.RemoteProtocolError)
"""What a server that restarts does to a kept connection: asked once more."""


class _User(msgspec.Struct):
    username: str = ""  # an API server that says no sends a user without anything
    uid: str = ""
    groups: tuple[str, ...] | None = None
    extra: dict[str, tuple[str, ...]] | None = None


class _TokenStatus(msgspec.Struct):
    authenticated: bool = False
    user: _User | None = None
    audiences: tuple[str, ...] | None = None


class _TokenReview(msgspec.Struct):
    status: _TokenStatus


class _AccessStatus(msgspec.Struct):
    allowed: bool
    denied: bool = False


class _AccessReview(msgspec.Struct):
    status: _AccessStatus


Answer = TypeVar("Answer", _TokenReview, _AccessReview)


class ApiServer:
    """A `Reviewer`. Belongs to one event loop."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._client: httpx2.AsyncClient | None = None
        self._stamp: tuple[object, ...] = ()
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._trouble: str | None = None
        self._retiring: asyncio.Task[None] | None = None

    async def identify(self, token: str, audiences: tuple[str, ...]) -> Identified | None:
        """Whose token it is. An answer that names no audience is a no: such a server did not look at them."""
        review = {"kind": "TokenReview", "spec": {"token": token, "audiences": audiences}}
        status = (await self._ask("authentication.k8s.io/v1", "tokenreviews", review, _TokenReview)).status
        meant = frozenset(status.audiences or ()) & frozenset(audiences)
        if not status.authenticated or not meant or status.user is None or not status.user.username:
            return None
        user = status.user
        extra = tuple(sorted((user.extra or {}).items()))
        subject = Subject(name=user.username, uid=user.uid, groups=user.groups or (), extra=extra)
        return Identified(subject=subject, audiences=meant)

    async def allows(self, subject: Subject, access: Access) -> bool:
        attributes = {name: value for name, value in msgspec.structs.asdict(access).items() if value}
        spec: dict[str, Any] = {
            "user": subject.name,
            "uid": subject.uid,
            "groups": subject.groups,
            "extra": dict(subject.extra),
            "resourceAttributes": {"group": GROUP, **attributes},
        }
        review = {"kind": "SubjectAccessReview", "spec": spec}
        status = (await self._ask("authorization.k8s.io/v1", "subjectaccessreviews", review, _AccessReview)).status
        return status.allowed and not status.denied

    async def close(self) -> None:
        if self._retiring is not None:
            self._retiring.cancel()
            await asyncio.wait([self._retiring])
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask(self, version: str, resource: str, review: dict[str, Any], kind: type[Answer]) -> Answer:
        body = msgspec.json.encode({"apiVersion": version, **review})
        try:
            async with asyncio.timeout(REVIEW_SECONDS), self._turns:
                try:
                    content = await self._post(f"/apis/{version}/{resource}", body)
                except _BROKEN:
                    content = await self._post(f"/apis/{version}/{resource}", body)
            answer = msgspec.json.decode(content, type=kind)
        except TimeoutError:
            raise self._no_answer("it did not answer in time") from None
        except httpx2.HTTPError as error:
            raise self._no_answer(f"{type(error).__name__}: {error}") from None
        except OSError as error:
            raise self._no_answer(f"its credentials cannot be used: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._no_answer("what it answered is no review") from None
        if self._trouble is not None:
            log.info("the API server answers reviews again")
            self._trouble = None
        return answer

    async def _post(self, path: str, body: bytes) -> bytes:
        client = self._connected()
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self._target.headers()}
        extensions = {} if self._target.server_name is None else {"sni_hostname": self._target.server_name}
        url = self._target.server + path
        async with client.stream("POST", url, content=body, headers=headers, extensions=extensions) as response:
            if response.status_code not in {200, 201}:
                raise self._refused(response)
            content = bytearray()
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MAX_ANSWER_BYTES:
                    raise self._no_answer("its answer is too long")
            return bytes(content)

    def _connected(self) -> httpx2.AsyncClient:
        stamp = self._target.stamp()
        if self._client is None or stamp != self._stamp:
            fresh = httpx2.AsyncClient(
                verify=self._target.context() if self._target.server.startswith("https:") else True,
                timeout=_TIMEOUT,
                limits=httpx2.Limits(max_connections=MAX_AT_ONCE, max_keepalive_connections=8),
                trust_env=False,
            )
            self._stamp, older, self._client = stamp, self._client, fresh
            if older is not None:
                self._retiring = asyncio.create_task(_retire(older))
        return self._client

    def _refused(self, response: httpx2.Response) -> UnavailableError:
        mend = ""
        if response.status_code in {401, 403}:
            mend = "; the api's ServiceAccount needs the ClusterRole system:auth-delegator"
        after = response.headers.get("retry-after", "")
        seconds = min(float(after), _LONGEST_RETRY_SECONDS) if after.isascii() and after.isdigit() else None
        return self._no_answer(f"HTTP {response.status_code}{mend}", seconds)

    def _no_answer(self, why: str, retry_after_seconds: float | None = None) -> UnavailableError:
        """Told once in the log as long as it stays the same; callers learn no details of the cluster."""
        if why != self._trouble:
            log.error("the API server does not review tokens and rights: %s", why)
            self._trouble = why
        return UnavailableError(
            "tokens and rights cannot be checked now: the Kubernetes API server does not answer",
            retry_after_seconds=retry_after_seconds or 1.0,
            reason="ReviewFailed",
        )


async def _retire(client: httpx2.AsyncClient) -> None:
    """Its authority or certificate was exchanged: what is under way may still end."""
    try:
        await asyncio.sleep(REVIEW_SECONDS)
    finally:
        await client.aclose()
