"""The two custom resource definitions, whole: names, schema, defaults, columns, subresources."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from taskjob.model import names
from taskjob.spec import TaskJob, TaskJobSpec, TaskJobStatus, TaskQueue, TaskQueueSpec, TaskQueueStatus
from taskjob_operator.crd.columns import JOB_COLUMNS, QUEUE_COLUMNS
from taskjob_operator.crd.rules import Rule, job_status_transitions, job_transitions, rule
from taskjob_operator.crd.schema import Schema, structural_schema

GROUP = "taskjob.dev"
VERSION = "v1alpha1"
CATEGORY = "taskjob-all"

Definition = dict[str, Any]


def job_definition() -> Definition:
    spec = structural_schema(TaskJobSpec)
    # Only the queue: any other default would keep the queue's own defaults from ever applying.
    spec["properties"]["queue"]["default"] = TaskJobSpec.model_fields["queue"].default
    # One value to the API server: field managers own it whole, not key by key.
    spec["properties"]["payload"]["x-kubernetes-map-type"] = "atomic"
    _add(spec, job_transitions())
    status = structural_schema(TaskJobStatus)
    _add(status, job_status_transitions())
    status["default"] = {"phase": "Submitted", "reason": "NotYetSeen", "run": 0, "revision": 0} | _unseen()
    return _definition(
        kind="TaskJob",
        plural="taskjobs",
        short="tj",
        description=TaskJob,
        spec=spec,
        status=status,
        name=rule("self.metadata.name.size() <= 63", "metadata.name: at most 63 characters"),
        columns=JOB_COLUMNS,
        selectable=(".spec.queue", ".spec.task", ".status.phase"),
        subresources={"status": {}},
    )


def queue_definition() -> Definition:
    spec = structural_schema(TaskQueueSpec)
    # `/scale` is a server error without a number; the column MODE shows what holds.
    spec["properties"]["replicas"]["default"] = 1
    spec["properties"]["autoscaling"]["default"] = {}
    spec["properties"]["autoscaling"]["properties"]["mode"]["default"] = "Manual"
    status = structural_schema(TaskQueueStatus)
    status["default"] = {"state": "Pending", "replicas": 0} | _unseen()
    return _definition(
        kind="TaskQueue",
        plural="taskqueues",
        short="tq",
        description=TaskQueue,
        spec=spec,
        status=status,
        name=rule(
            f"self.metadata.name.size() <= {names.QUEUE_LENGTH} && self.metadata.name.matches('{names.QUEUE_PATTERN}')",
            f"metadata.name: at most {names.QUEUE_LENGTH} lower-case letters, digits and dashes, a letter first",
        ),
        columns=QUEUE_COLUMNS,
        selectable=(),
        subresources={
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
    )


def definitions() -> dict[str, Definition]:
    """Plural → definition."""
    return {"taskjobs": job_definition(), "taskqueues": queue_definition()}


def _unseen() -> dict[str, Any]:
    """kstatus, Argo CD and Flux take an object without conditions for done; this one is not."""
    return {
        "conditions": [
            {"type": "Reconciling", "status": "True", "reason": "NotYetSeen", "message": "waiting for the operator"}
        ]
    }


def _add(schema: Schema, rules: list[Rule]) -> None:
    schema.setdefault("x-kubernetes-validations", []).extend(rules)


def _definition(
    *,
    kind: str,
    plural: str,
    short: str,
    description: type[BaseModel],
    spec: Schema,
    status: Schema,
    name: Rule,
    columns: list[dict[str, Any]],
    selectable: tuple[str, ...],
    subresources: dict[str, Any],
) -> Definition:
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": " ".join((description.__doc__ or "").split()),
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": spec,
                    "status": status,
                },
                "required": ["spec"],
                "x-kubernetes-validations": [name],
            }
        },
        "additionalPrinterColumns": columns,
        "subresources": subresources,
    }
    if selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in selectable]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "plural": plural,
                "singular": kind.lower(),
                "kind": kind,
                "listKind": f"{kind}List",
                "shortNames": [short],
                "categories": [CATEGORY],
            },
            "versions": [version],
        },
    }
