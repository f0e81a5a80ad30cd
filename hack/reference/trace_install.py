"""What has to be shown of an installation in a cluster and of what its users see. Rows as in `trace_items`."""

from __future__ import annotations

from trace_items import Row

INSTALL: tuple[Row, ...] = (
    (
        "N1",
        "helm install with defaults under PodSecurity restricted, helm test, a wrong value",
        ("e2e/install/test_install.py::*own_test*", "e2e/install/test_install.py::*wrong_value*"),
    ),
    (
        "N2",
        "helm upgrade to other images of api, operator and workers while jobs run: none lost, none doubled",
        ("e2e/install/test_upgrade.py::*",),
    ),
    (
        "N3",
        "helm uninstall keeps definitions, TaskJobs, workers and volume; the next install goes on",
        ("e2e/install/test_install.py::*uninstall*",),
    ),
    (
        "N4",
        "examples/jobs/*.yaml, unchanged and strictly validated, end as they do on a laptop",
        ("e2e/install/test_examples.py::*", "make cluster-demo"),
    ),
    (
        "N5",
        "get, describe, explain and wait for jobs in every state, as golden files",
        ("e2e/install/test_statuses.py::*", "unit/operator/test_status.py::*says_what_failed*"),
    ),
    ("N6", "docs/kubernetes.md is true", ("e2e/install/test_guide.py::*",)),
)
