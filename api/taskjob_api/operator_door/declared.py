"""From a TaskJob as the operator read it to what the engine should have. Pure; refuses in the words of `apply`."""

from __future__ import annotations

import msgspec

from taskjob.errors import TooLargeError
from taskjob.model import Owner
from taskjob.spec import Metadata, read_model, read_stored_job
from taskjob.spec.keys import key_of_uid
from taskjob.wire.operator_messages import DeclaredJob
from taskjob_api.job_documents import decode_json, object_submission
from taskjob_api.operator_door.owners import check_owner
from taskjob_engine.store import Submission


class WantedJob(msgspec.Struct, frozen=True, kw_only=True):
    """`submission` creates the job where there is none; the rest is what an existing one is brought to."""

    submission: Submission
    owner: Owner
    cancel: bool
    rerun: int

    @property
    def namespace(self) -> str:
        return self.owner.namespace


class PayloadTooLargeError(TooLargeError):
    """A custom resource carries less than a submit by REST may."""

    code = "PayloadTooLarge"


def read_declared(item: DeclaredJob) -> WantedJob:
    """Raises `InvalidError` with the code, detail and field of the verdict `rejected`."""
    owner = item.owner
    check_owner(owner)
    metadata = read_model(Metadata, {"name": owner.name, "labels": item.labels}, "/metadata")
    raw = decode_json(bytes(item.spec), "/spec")
    try:
        spec = read_stored_job(raw)
    except TooLargeError as error:
        raise PayloadTooLargeError(error.detail, field=error.field, hint=error.hint) from None
    submission = object_submission(
        spec, raw, metadata=metadata, namespace=owner.namespace, own_key=key_of_uid(owner.uid)
    )
    return WantedJob(
        # What earlier jobs of this object made of its reruns is done: a new one begins with that run.
        submission=msgspec.structs.replace(submission, owner=owner, run=spec.rerun or 0),
        owner=owner,
        cancel=bool(spec.cancel),
        rerun=spec.rerun or 0,
    )
