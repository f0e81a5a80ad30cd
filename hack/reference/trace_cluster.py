"""What has to be shown of the cluster for tests and visitors, and of the project's images. Rows as in `trace_items`."""

from __future__ import annotations

from trace_items import Row

CLUSTER: tuple[Row, ...] = (
    (
        "CL1",
        "a kind cluster of one control plane and two workers, wherever images or packages can be had",
        ("make cluster-up", "e2e/test_cluster.py::test_two_workers*"),
    ),
    (
        "CL2",
        "`cluster-down` restores the machine, also after a killed `cluster-up`, where it started the engine",
        ("make cluster-down", "cluster/test_footprint.py::*"),
    ),
    (
        "CL3",
        "one image for all processes: numeric user, no capability, read-only root file system",
        ("make image", "e2e/test_cluster.py::test_the_image_runs*", "e2e/test_cluster.py::test_the_examples*"),
    ),
    (
        "CL4",
        "namespaces of tests take only restricted pods",
        ("e2e/test_cluster.py::test_a_namespace_of_a_test*",),
    ),
)
