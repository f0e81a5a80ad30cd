"""The condition of a status, as every Kubernetes tool reads it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from taskjob.spec.strict import RareModel, Time, keyed_by

Word = Annotated[str, Field(max_length=64, pattern=r"^[A-Z][A-Za-z0-9]*$")]
"""A PascalCase word for programs: a reason or the type of a condition."""

Line = Annotated[str, Field(max_length=512)]
"""A sentence for people."""

Generation = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]


class Condition(RareModel):
    """One aspect of the object's state."""

    type: Word
    """The aspect, for example Completed, Reconciling or Stalled."""

    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""

    observed_generation: Generation | None = None
    """The metadata.generation that this was said of."""

    reason: Word | None = None
    """Why, in one word for programs."""

    message: Line | None = None
    """Why, in a sentence for people."""

    last_transition_time: Time | None = None
    """When `status` last changed."""


Conditions = Annotated[list[Condition], keyed_by("type"), Field(max_length=10)]
