"""What the API server itself checks, in CEL: relations between fields, and what may become of an object.

A rule on an object speaks of the fields of one document; `RULES` names the document. Each has its twin in the
document's own validators, so that a laptop refuses the same. Transition rules compare with the object as it was.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from taskjob.spec import MUTABLE_FIELDS, TERMINAL_PHASES, TaskJobSpec
from taskjob.spec.pod_environment import (
    RESERVED_VARIABLE_PREFIX,
    EnvironmentSource,
    EnvironmentVariable,
    VariableSource,
)
from taskjob.spec.pod_template import RESERVED_ANNOTATIONS, RESERVED_DOMAIN, PodTemplate
from taskjob.spec.pod_volumes import (
    RESERVED_MOUNT_PATHS,
    RESERVED_VOLUME_PREFIX,
    KeyToPath,
    Volume,
    VolumeMount,
)
from taskjob.spec.taskjob import ArraySpec
from taskjob.spec.taskqueue import AutoscalingSpec, TaskQueueSpec

Rule = dict[str, str]
"""An entry of `x-kubernetes-validations`."""


def rule(expression: str, message: str) -> Rule:
    return {"rule": expression, "message": message}


def _exactly_one(names: Iterable[str]) -> Rule:
    listed = list(names)
    flags = ", ".join(f"has(self.{name})" for name in listed)
    return rule(f"[{flags}].filter(set, set).size() == 1", f"set exactly one of {', '.join(listed)}")


def _no_parent(field: str) -> Rule:
    """`contains` is what the server's estimate of a rule's cost can bear in a list within a list."""
    path = f"('/' + self.{field} + '/')"
    return rule(
        f"!has(self.{field}) || !({path}.contains('/../') || {path}.contains('/./'))",
        f"{field}: . and .. are not allowed",
    )


def _keys(field: str, banned: Iterable[str], message: str) -> Rule:
    tests = " || ".join(f"key.startsWith('{beginning}')" for beginning in banned)
    return rule(f"!has(self.{field}) || !self.{field}.exists(key, {tests})", message)


def _mount_is_ours() -> str:
    return " || ".join(f"(self.mountPath + '/').startsWith('{path}/')" for path in RESERVED_MOUNT_PATHS)


RULES: dict[type[BaseModel], list[Rule]] = {
    ArraySpec: [
        rule("!has(self.maxFailed) || self.maxFailed <= self.count", "maxFailed is above count"),
    ],
    AutoscalingSpec: [
        rule(
            "self.?minReplicas.orValue({min_replicas}) <= self.?maxReplicas.orValue({max_replicas})".format(
                **{name: field.default for name, field in AutoscalingSpec.model_fields.items()}
            ),
            "minReplicas is above maxReplicas",
        ),
    ],
    EnvironmentSource: [_exactly_one(("configMapRef", "secretRef"))],
    EnvironmentVariable: [
        rule("!(has(self.value) && has(self.valueFrom))", "set value or valueFrom, not both"),
        rule(
            f"!self.name.startsWith('{RESERVED_VARIABLE_PREFIX}')",
            f"names that begin with {RESERVED_VARIABLE_PREFIX} are the operator's",
        ),
    ],
    KeyToPath: [_no_parent("path")],
    PodTemplate: [
        _keys("labels", [RESERVED_DOMAIN], f"labels: {RESERVED_DOMAIN} is the operator's"),
        _keys(
            "annotations",
            [RESERVED_DOMAIN, *RESERVED_ANNOTATIONS],
            f"annotations: {RESERVED_DOMAIN} and what changes a pod's confinement cannot be set here",
        ),
        rule(
            "!has(self.volumeMounts) || self.volumeMounts.all(mount, "
            "has(self.volumes) && self.volumes.exists(volume, volume.name == mount.name))",
            "volumeMounts: each names one of volumes",
        ),
    ],
    TaskQueueSpec: [
        rule("!(has(self.worker) && has(self.deploymentRef))", "set worker or deploymentRef, not both"),
    ],
    VariableSource: [_exactly_one(("secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef"))],
    Volume: [
        _exactly_one(("configMap", "secret", "emptyDir", "persistentVolumeClaim")),
        rule(
            f"!self.name.startsWith('{RESERVED_VOLUME_PREFIX}')",
            f"names that begin with {RESERVED_VOLUME_PREFIX} are the operator's",
        ),
    ],
    VolumeMount: [
        _no_parent("mountPath"),
        _no_parent("subPath"),
        rule(
            f"!({_mount_is_ours()})",
            f"mountPath: {' and '.join(RESERVED_MOUNT_PATHS)} are the operator's",
        ),
    ],
}


def immutable(field: str) -> Rule:
    """`self == oldSelf` on the field itself would not see it unset and set again."""
    return rule(
        f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})",
        f"{field} is immutable: delete the TaskJob and create it again",
    )


def job_transitions() -> list[Rule]:
    """Of a TaskJob's spec. A field that nobody declared mutable is immutable."""
    names = [field.alias or name for name, field in TaskJobSpec.model_fields.items()]
    return [
        *(immutable(name) for name in names if name not in MUTABLE_FIELDS),
        rule("!has(oldSelf.rerun) || self.?rerun.orValue(0) >= oldSelf.rerun", "rerun only grows"),
        rule(
            "!oldSelf.?cancel.orValue(false) || self.?cancel.orValue(false)"
            " || self.?rerun.orValue(0) > oldSelf.?rerun.orValue(0)",
            "cancel cannot be undone: rerun the job (set cancel back and add 1 to rerun in one change)",
        ),
    ]


def job_status_transitions() -> list[Rule]:
    """Of a TaskJob's status: the order of truth is (incarnation, run, revision), and an end is left by a rerun only.

    Incarnations have no order: after a restored backup the revisions begin elsewhere, so that another incarnation is
    believed. An end stands even then.
    """
    terminal = ", ".join(f"'{phase}'" for phase in TERMINAL_PHASES)
    run, before = "self.?run.orValue(0)", "oldSelf.?run.orValue(0)"
    return [
        rule("!has(oldSelf.incarnation) || has(self.incarnation)", "stale status: the incarnation is missing"),
        rule(
            "(has(oldSelf.incarnation) && has(self.incarnation) && self.incarnation != oldSelf.incarnation)"
            f" || {run} > {before}"
            f" || ({run} == {before} && self.?revision.orValue(0) >= oldSelf.?revision.orValue(0))",
            "stale status: the object has a newer run or revision",
        ),
        rule(
            f"!(oldSelf.phase in [{terminal}]) || self.phase == oldSelf.phase || {run} > {before}",
            "stale status: a finished run stays finished",
        ),
    ]
