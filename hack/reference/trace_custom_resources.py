"""What has to be shown of the custom resources. Rows as in `trace_items`."""

from __future__ import annotations

from trace_items import Row

CUSTOM_RESOURCES: tuple[Row, ...] = (
    (
        "K1",
        "definitions generated from the documents; `crds/`, the chart's copy and the page are fresh",
        ("meta/test_crds.py::*", "make verify"),
    ),
    (
        "K2",
        "every string, list and map is bounded, every field described, no word is a boolean to YAML 1.1",
        (
            "unit/operator/crd/test_definitions.py::*bounded*",
            "unit/operator/crd/test_definitions.py::*described*",
            "unit/operator/crd/test_definitions.py::*yaml_1_1*",
        ),
    ),
    (
        "K3",
        "immutable per field, also by unsetting and setting again; cancel one way; rerun grows",
        ("e2e/crd/test_spec.py::*immutable*", "e2e/crd/test_spec.py::*one_way*", "e2e/crd/test_spec.py::*only_grows*"),
    ),
    ("K4", "an older status is refused with 422, an end is left by a rerun only", ("e2e/crd/test_status.py::*",)),
    (
        "K5",
        "status and scale at the first look; selectable fields; one owner of a payload",
        ("e2e/crd/test_defaults.py::*",),
    ),
    (
        "K6",
        "columns, short names, category, explain; the examples are valid unchanged",
        ("e2e/crd/test_kubectl.py::*",),
    ),
    (
        "K7",
        "a pool of workers says only what PodSecurity restricted allows; laptop and server refuse the same",
        ("unit/spec/test_worker_pool.py::*may_not_be_said*", "e2e/crd/test_spec.py::*pool*"),
    ),
    (
        "K8",
        "a cluster honours pools of a fixed size, a laptop refuses them; later fields are refused by both",
        ("unit/spec/test_worker_pool.py::*cluster*", "unit/spec/test_documents.py::*cluster*"),
    ),
)
