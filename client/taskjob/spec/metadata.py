"""The envelope of a Kubernetes object, as far as TaskJob reads it."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from taskjob.spec.strict import GenerateName, Labels, NamespaceName, ObjectName, StrictModel

API_VERSION = "taskjob.dev/v1alpha1"


class Metadata(StrictModel):
    """`name`, or `generateName` as the beginning of one.

    `annotations` are notes for other tools and mean nothing to TaskJob anywhere. The fields that only a server
    writes may stand there, so that what was read can be applied again; they are not read.
    """

    name: ObjectName | None = None
    generate_name: GenerateName | None = None
    namespace: NamespaceName | None = None
    labels: Labels | None = None
    annotations: dict[str, str] | None = None
    uid: Any = Field(default=None, exclude=True)
    resource_version: Any = Field(default=None, exclude=True)
    generation: Any = Field(default=None, exclude=True)
    creation_timestamp: Any = Field(default=None, exclude=True)
    managed_fields: Any = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.name is None and self.generate_name is None:
            raise ValueError("give a name, or a generateName")
        return self


class Envelope(StrictModel):
    """`status` is written by the server only and ignored on input."""

    api_version: Literal["taskjob.dev/v1alpha1"]
    metadata: Metadata
    status: Any = Field(default=None, exclude=True)
