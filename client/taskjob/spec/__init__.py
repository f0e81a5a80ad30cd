"""The documents users write: TaskJob, TaskQueue, TaskSchedule and REST's short form of a job.

Pydantic stays in this package. It reads and explains; it knows neither the engine nor HTTP.
"""

from taskjob.spec.documents import (
    Document,
    read_document,
    read_job_document,
    read_model,
    read_queue_document,
    read_stored_job,
    read_stored_queue,
)
from taskjob.spec.explain_invalid import InvalidDocumentError
from taskjob.spec.later import refuse_later_fields
from taskjob.spec.limits import (
    MAX_BATCH_BYTES,
    MAX_BATCH_ITEMS,
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_PAYLOAD_BYTES,
    MAX_STORED_PAYLOAD_BYTES,
    check_json,
    check_payload,
)
from taskjob.spec.metadata import API_VERSION, Metadata
from taskjob.spec.taskjob import MUTABLE_FIELDS, JobDocument, TaskJob, TaskJobSpec
from taskjob.spec.taskjob_status import TERMINAL_PHASES, TaskJobStatus
from taskjob.spec.taskqueue import QueueDocument, TaskQueue, TaskQueueSpec
from taskjob.spec.taskqueue_status import TaskQueueStatus
from taskjob.spec.taskschedule import TaskSchedule, TaskScheduleSpec
from taskjob.spec.worker import DeploymentRef, WorkerSpec
from taskjob.spec.yaml_reader import InvalidYamlError, YamlDocument, read_yaml

__all__ = [
    "API_VERSION",
    "MAX_BATCH_BYTES",
    "MAX_BATCH_ITEMS",
    "MAX_DEPTH",
    "MAX_INTEGER",
    "MAX_PAYLOAD_BYTES",
    "MAX_STORED_PAYLOAD_BYTES",
    "MUTABLE_FIELDS",
    "TERMINAL_PHASES",
    "DeploymentRef",
    "Document",
    "InvalidDocumentError",
    "InvalidYamlError",
    "JobDocument",
    "Metadata",
    "QueueDocument",
    "TaskJob",
    "TaskJobSpec",
    "TaskJobStatus",
    "TaskQueue",
    "TaskQueueSpec",
    "TaskQueueStatus",
    "TaskSchedule",
    "TaskScheduleSpec",
    "WorkerSpec",
    "YamlDocument",
    "check_json",
    "check_payload",
    "read_document",
    "read_job_document",
    "read_model",
    "read_queue_document",
    "read_stored_job",
    "read_stored_queue",
    "read_yaml",
    "refuse_later_fields",
]
