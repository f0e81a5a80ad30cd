"""What a call needs, said once for both kinds of tokens: a scope of a static token, and what Kubernetes calls the same.

Who may `create taskjobs` in a namespace may submit there, and so on. That table is here; who asks whom is not.
"""

from __future__ import annotations

from enum import Enum

from taskjob_api.tokens import Scope

GROUP = "taskjob.dev"


class Right(Enum):
    """(scope, verbs, resource): the scope of a static token, or every one of the verbs on the resource."""

    SUBMIT = (Scope.SUBMIT, ("create",), "taskjobs")
    GET_JOB = (Scope.READ, ("get",), "taskjobs")
    LIST_JOBS = (Scope.READ, ("list",), "taskjobs")
    CHANGE_JOB = (Scope.CONTROL, ("update",), "taskjobs")
    CHANGE_MANY_JOBS = (Scope.CONTROL, ("deletecollection",), "taskjobs")
    GET_QUEUE = (Scope.READ, ("get",), "taskqueues")
    LIST_QUEUES = (Scope.READ, ("list",), "taskqueues")
    PAUSE_QUEUE = (Scope.CONTROL, ("update",), "taskqueues")
    CONFIRM_ORPHANS = (Scope.ADMIN, ("deletecollection",), "taskjobs")
    PUT_QUEUE = (Scope.ADMIN, ("create", "update"), "taskqueues")

    def __init__(self, scope: Scope, verbs: tuple[str, ...], resource: str) -> None:
        self.scope = scope
        self.verbs = verbs
        self.resource = resource
