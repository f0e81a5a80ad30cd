"""The TaskSchedule: when a job is to be made again and again. Its feature is not built yet; its words are fixed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from taskjob.spec.metadata import Envelope
from taskjob.spec.strict import Distinct, Labels, RareModel
from taskjob.spec.taskjob import TaskJobSpec

HistoryLimit = Annotated[int, Field(ge=0, le=100)]


class TemplateMetadata(RareModel):
    labels: Labels | None = None
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=1024)]], Field(max_length=32)] | None = None


class JobTemplate(RareModel):
    metadata: TemplateMetadata | None = None
    spec: TaskJobSpec


class TaskScheduleSpec(RareModel):
    schedules: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=128)]],
        Distinct,
        Field(min_length=1, max_length=16, json_schema_extra={"uniqueItems": True}),
    ]
    time_zone: Annotated[str, Field(max_length=64)] = "Etc/UTC"
    concurrency_policy: Literal["Allow", "Forbid", "Replace"] = "Forbid"
    starting_deadline_seconds: Annotated[int, Field(ge=10, le=604_800)] = 3600
    catch_up: Literal["Latest", "All", "None"] = "Latest"
    suspend: bool | None = None
    successful_jobs_history_limit: HistoryLimit = 3
    failed_jobs_history_limit: HistoryLimit = 5
    job_template: JobTemplate


class TaskSchedule(Envelope, defer_build=True):
    kind: Literal["TaskSchedule"]
    spec: TaskScheduleSpec
