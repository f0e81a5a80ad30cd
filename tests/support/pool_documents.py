"""A TaskQueue that says everything a pool of workers may say, and what may not be said."""

from __future__ import annotations

import copy
from typing import Any

QUEUE: dict[str, Any] = {
    "worker": {
        "image": "registry.example:5000/acme/media-worker@sha256:4f7a",
        "imagePullPolicy": "IfNotPresent",
        "modules": ["media.tasks", "/srv/more_tasks.py"],
        "concurrency": 8,
        "drainSeconds": 120,
        "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"memory": "1Gi", "nvidia.com/gpu": "1"}},
        "env": [
            {"name": "MODE", "value": "fast"},
            {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "media-db", "key": "password"}}},
            {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "media", "key": "level", "optional": True}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        ],
        "serviceAccountName": "media-worker",
        "template": {
            "labels": {"team": "media"},
            "annotations": {"prometheus.io/scrape": "true"},
            "nodeSelector": {"kubernetes.io/arch": "arm64"},
            "tolerations": [{"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}],
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["media"]}]},
                }
            ],
            "imagePullSecrets": [{"name": "registry"}],
            "envFrom": [{"prefix": "APP_", "configMapRef": {"name": "app"}}, {"secretRef": {"name": "app"}}],
            "volumes": [
                {"name": "config", "configMap": {"name": "app", "items": [{"key": "a", "path": "a.ini"}]}},
                {"name": "keys", "secret": {"secretName": "app", "defaultMode": 256}},
                {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
                {"name": "data", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}},
                {"name": "spare", "emptyDir": {}},
            ],
            "volumeMounts": [
                {"name": "config", "mountPath": "/etc/app", "readOnly": True},
                {"name": "keys", "mountPath": "/etc/keys"},
                {"name": "scratch", "mountPath": "/scratch"},
                {"name": "data", "mountPath": "/data", "subPath": "media/in"},
            ],
        },
    },
    "replicas": 3,
    "autoscaling": {"mode": "Manual"},
}
WORKER = "/spec/worker"
TEMPLATE = f"{WORKER}/template"


def changed(path: str, value: Any) -> dict[str, Any]:
    """`QUEUE` with another value at the pointer; a number names an entry of a list."""
    document = copy.deepcopy(QUEUE)
    *parents, last = path.removeprefix("/spec/").split("/")
    target: Any = document
    for part in parents:
        target = target[int(part)] if isinstance(target, list) else target[part]
    target[int(last) if isinstance(target, list) else last] = value
    return document


REFUSED: list[tuple[str, Any, str | None, str]] = [
    (f"{WORKER}/image", "", None, "not empty"),
    (f"{WORKER}/image", "a b", None, "a match of"),
    (f"{WORKER}/image", None, None, "expected a string"),
    (f"{WORKER}/concurrency", 0, None, "at least 1"),
    (f"{WORKER}/drainSeconds", 86_401, None, "at most 86400"),
    (f"{WORKER}/serviceAccountName", "Media", None, "lower-case"),
    (f"{WORKER}/resources/limits/memory", "1 GB", None, "a quantity such as 2, 500m or 1Gi"),
    (f"{WORKER}/resources/limits/cpu", 0.5, None, 'put it in quotes: "0.5"'),
    (f"{WORKER}/resources/limits/cpu", True, None, "a quantity"),
    (f"{WORKER}/resources/limits/cpu", -1, None, "a quantity"),
    (f"{WORKER}/resources/claims", [], None, "unknown field 'claims'"),
    (f"{WORKER}/command", ["sh"], None, "unknown field 'command'"),
    (f"{WORKER}/env/0/name", "A B", None, "a match of"),
    (f"{WORKER}/modules", [], None, "at least 1"),
    (f"{WORKER}/modules/0", "--name", None, "a match of"),
    (f"{WORKER}/env/0/name", "TASKJOB_GATEWAY", f"{WORKER}/env/0", "are the operator's"),
    (f"{WORKER}/env/1/name", "MODE", f"{WORKER}/env", "two entries have the name 'MODE'"),
    (f"{WORKER}/env/1/value", "x", f"{WORKER}/env/1", "value or valueFrom, not both"),
    (f"{WORKER}/env/1/valueFrom", {}, None, "exactly one of secretKeyRef, configMapKeyRef, fieldRef"),
    (f"{WORKER}/env/3/valueFrom/fieldRef/fieldPath", "spec.hostNetwork", None, "a match of"),
    (f"{TEMPLATE}/securityContext", {"privileged": True}, None, "unknown field 'securityContext'"),
    (f"{TEMPLATE}/hostNetwork", True, None, "unknown field 'hostNetwork'"),
    (f"{TEMPLATE}/tolerations/0/operater", "Equal", None, "did you mean 'operator'?"),
    (f"{TEMPLATE}/labels/a queue", "x", None, "a match of"),
    (f"{TEMPLATE}/labels", {"taskjob.dev/queue": "other"}, TEMPLATE, "taskjob.dev/ is the operator's"),
    (
        f"{TEMPLATE}/annotations",
        {"container.apparmor.security.beta.kubernetes.io/worker": "unconfined"},
        TEMPLATE,
        "cannot be set here",
    ),
    (
        f"{TEMPLATE}/annotations",
        {"controller.kubernetes.io/pod-deletion-cost": "5"},
        TEMPLATE,
        "cannot be set here",
    ),
    (f"{TEMPLATE}/envFrom/0/secretRef", {"name": "app"}, f"{TEMPLATE}/envFrom/0", "exactly one of configMapRef"),
    (f"{TEMPLATE}/volumes/2/hostPath", {"path": "/"}, None, "unknown field 'hostPath'"),
    (f"{TEMPLATE}/volumes/2/projected", {}, None, "unknown field 'projected'"),
    (f"{TEMPLATE}/volumes/2/secret", {"secretName": "a"}, f"{TEMPLATE}/volumes/2", "exactly one of configMap"),
    (f"{TEMPLATE}/volumes/4/name", "taskjob-token", f"{TEMPLATE}/volumes/4", "are the operator's"),
    (f"{TEMPLATE}/volumes/2/name", "data", f"{TEMPLATE}/volumes", "two entries have the name 'data'"),
    (
        f"{TEMPLATE}/volumes/0/configMap/items/0/path",
        "../a",
        f"{TEMPLATE}/volumes/0/configMap/items/0",
        ".. are not",
    ),
    (
        f"{TEMPLATE}/volumes/1/secret/items",
        [{"key": "a", "path": "a/../../b"}],
        f"{TEMPLATE}/volumes/1/secret/items/0",
        ".. are not",
    ),
    (f"{TEMPLATE}/volumes/0/configMap/items/0/path", "/etc/a", None, "a match of"),
    (f"{TEMPLATE}/volumeMounts/0/name", "conf", TEMPLATE, "there is no volume 'conf'"),
    (f"{TEMPLATE}/volumeMounts/0/mountPath", "/data", f"{TEMPLATE}/volumeMounts", "two entries have the mountPath"),
    (f"{TEMPLATE}/volumeMounts/0/mountPath", "etc", None, "a match of"),
    (f"{TEMPLATE}/volumeMounts/0/mountPath", "/a/../b", f"{TEMPLATE}/volumeMounts/0", ". and .. are not allowed"),
    (f"{TEMPLATE}/volumeMounts/0/mountPath", "/var/run/secrets/x", f"{TEMPLATE}/volumeMounts/0", "the operator's"),
    (f"{TEMPLATE}/volumeMounts/0/mountPath", "/var/run/./secrets/x", f"{TEMPLATE}/volumeMounts/0", ". and .. are not"),
    (f"{TEMPLATE}/volumeMounts/0/mountPath", "/var//run/secrets/x", None, "a match of"),
    (f"{TEMPLATE}/volumeMounts/3/subPath", "a/../../b", f"{TEMPLATE}/volumeMounts/3", "subPath: . and .."),
    (f"{TEMPLATE}/volumeMounts/3/mountPropagation", "Bidirectional", None, "unknown field 'mountPropagation'"),
]
"""Pointer, value put there, pointer of the error where that is another one, words of the error."""
