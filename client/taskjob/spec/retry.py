"""How often a job is tried, and how long it waits between attempts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from taskjob.spec.strict import Distinct, ErrorTypeName, StrictModel


class BackoffSpec(StrictModel):
    """Wait before attempt n+1: initialSeconds × multiplier^(n-1), at most maxSeconds, ± jitterPercent."""

    initial_seconds: Annotated[int, Field(ge=0, le=86_400)] | None = None
    """Wait after the first failed attempt; 1 by default."""

    multiplier: Annotated[int, Field(ge=1, le=10)] | None = None
    """How much longer each further wait is; 2 by default."""

    max_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """Longest wait; 300 by default."""

    jitter_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """How far a wait may differ at random, so that jobs do not come back together; 20 by default."""


class RetrySpec(StrictModel):
    """Each field that a job leaves out is chosen by its queue's `jobDefaults.retry`, else by the product."""

    max_attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    """Attempts of one run that may fail, time out or complete; 5 by default."""

    max_lost: Annotated[int, Field(ge=0, le=100)] | None = None
    """Worker deaths during one run that are forgiven; 3 by default."""

    backoff: BackoffSpec | None = None
    """How long it waits between attempts."""

    non_retryable: (
        Annotated[list[ErrorTypeName], Distinct, Field(max_length=32, json_schema_extra={"uniqueItems": True})] | None
    ) = None
    """Names of exception types that make a failure final."""
