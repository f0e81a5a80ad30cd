"""A caller whom Kubernetes knows: what it may do is asked for each namespace, never told by the caller."""

from __future__ import annotations

import asyncio

from taskjob.errors import ForbiddenError
from taskjob_api.auth import Caller
from taskjob_api.identity.reviews import Access, Reviews, Subject
from taskjob_api.rights import GROUP, Right
from taskjob_api.tokens import Scope

WORKER_REVIEW_SECONDS = 600.0
"""How often the token and the rights of a standing connection are reviewed again."""

_SIGHTS = (Right.LIST_JOBS, Right.GET_JOB, Right.SUBMIT)
"""Who has one of these in a namespace knows that it is there."""


class ReviewedCaller(Caller, frozen=True, kw_only=True):
    """`home` is the namespace of a ServiceAccount, empty for other users. `rest`: its token is meant for people."""

    subject: Subject
    reviews: Reviews
    home: str = ""
    rest: bool = False

    async def may_serve(self, namespace: str, queue: str) -> bool:
        """A pod serves every queue of its own namespace; one elsewhere if it may `create taskqueues/leases` there."""
        if Scope.WORKER not in self.scopes or not queue:
            return False
        if namespace == self.home:
            return True
        access = Access(verb="create", resource="taskqueues", subresource="leases", namespace=namespace, name=queue)
        return await self.reviews.allows(self.subject, access)

    async def may_submit(self, namespace: str, queue: str) -> bool:
        """The right to serve one queue of another namespace is none to fill its other queues."""
        return await self.may_serve(namespace, queue) or await self._may(Right.SUBMIT, namespace)

    async def _allows(self, right: Right, namespace: str) -> bool:
        return self.rest and await self._may(right, namespace)

    async def _may(self, right: Right, namespace: str) -> bool:
        asked = [Access(verb=verb, resource=right.resource, namespace=namespace) for verb in right.verbs]
        return all(await asyncio.gather(*(self.reviews.allows(self.subject, access) for access in asked)))

    async def _sees(self, namespace: str) -> bool:
        if namespace == self.home:
            return True
        return any([await self._allows(right, namespace) for right in _SIGHTS])

    def _lack(self, right: Right, namespace: str) -> ForbiddenError:
        if not self.rest:
            return ForbiddenError(
                "this token is not for REST: it was made for a worker or for the operator",
                hint="kubectl taskjob token",
                reason="WrongAudience",
            )
        verbs = " and ".join(right.verbs)
        return ForbiddenError(
            f"{self.subject.name} may not {verbs} {right.resource}.{GROUP} in namespace {namespace!r}",
            hint=f"kubectl auth can-i {right.verbs[-1]} {right.resource}.{GROUP} -n {namespace}",
            reason="MissingRight",
        )
