"""How often a job is tried, and how long it waits between attempts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from taskjob.spec.strict import Distinct, ErrorTypeName, StrictModel


class BackoffSpec(StrictModel):
    """Wait before attempt n+1: initialSeconds × multiplier^(n-1), at most maxSeconds, ± jitterPercent."""

    initial_seconds: Annotated[int, Field(ge=0, le=86_400)] | None = None
    multiplier: Annotated[int, Field(ge=1, le=10)] | None = None
    max_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = None
    jitter_percent: Annotated[int, Field(ge=0, le=100)] | None = None


class RetrySpec(StrictModel):
    """Each field that a job leaves out is chosen by its queue's `jobDefaults.retry`, else by the product."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    """Attempts of one run that may fail, time out or complete."""

    max_lost: Annotated[int, Field(ge=0, le=100)] | None = None
    """Worker deaths during one run that are forgiven."""

    backoff: BackoffSpec | None = None
    non_retryable: (
        Annotated[list[ErrorTypeName], Distinct, Field(max_length=32, json_schema_extra={"uniqueItems": True})] | None
    ) = None
    """Names of exception types that make a failure final."""
