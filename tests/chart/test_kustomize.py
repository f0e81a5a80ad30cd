"""The plain manifests: the chart's objects as files, and overlays that fit them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import yaml
from rendered_chart import ROOT, Helm


def build(kubectl: str, overlay: str) -> dict[tuple[str, str], dict[str, Any]]:
    answer = subprocess.run(
        [kubectl, "kustomize", str(ROOT / "manifests" / overlay)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(answer.stdout)}


def test_the_base_is_what_the_chart_makes(helm: Helm) -> None:
    """Run `make generate` after a change of the chart."""
    answer = subprocess.run(
        [sys.executable, str(ROOT / "hack/manifests.py"), "--check"],
        env={"HELM": helm.program, "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr


@pytest.mark.parametrize("overlay", ["overlays/local", "overlays/eks"])
def test_an_overlay_holds_all_that_is_needed(kubectl: str, overlay: str) -> None:
    objects = build(kubectl, overlay)

    assert objects.keys() >= {
        ("Namespace", "taskjob-system"),
        ("CustomResourceDefinition", "taskjobs.taskjob.dev"),
        ("StatefulSet", "taskjob-api"),
        ("Deployment", "taskjob-operator"),
        ("ClusterRole", "taskjob-operator"),
    }


def test_the_local_overlay_runs_the_image_of_make_image_and_opens_one_namespace(kubectl: str) -> None:
    objects = build(kubectl, "overlays/local")
    [container] = objects["Deployment", "taskjob-operator"]["spec"]["template"]["spec"]["containers"]

    assert container["image"] == "taskjob:dev"
    assert objects["RoleBinding", "taskjob-operator-workers"]["metadata"]["namespace"] == "default"


def test_the_eks_overlay_gives_the_api_a_role_and_a_block_volume(kubectl: str) -> None:
    objects = build(kubectl, "overlays/eks")
    [claim] = objects["StatefulSet", "taskjob-api"]["spec"]["volumeClaimTemplates"]

    assert "eks.amazonaws.com/role-arn" in objects["ServiceAccount", "taskjob-api"]["metadata"]["annotations"]
    assert claim["spec"]["storageClassName"] == "gp3"
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
