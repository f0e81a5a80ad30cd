"""Write manifests/base/ from the chart (`python hack/manifests.py`), or check that it is up to date (`--check`).

The chart is the source; kustomize users get the same objects as plain files. HELM names the program, else the one on
PATH, else the one that the cluster's set-up built.
"""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "hack/kind"))

from tools import tools  # noqa: E402

BASE = ROOT / "manifests/base"
HEADER = "# Made from helm/taskjob by `make generate`. Do not edit.\n"
RIGHTS = {
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ServiceAccount",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
OF_HELM = {"helm.sh/chart", "app.kubernetes.io/managed-by"}


def rendered() -> list[dict[str, Any]]:
    """What the chart makes with its defaults, without namespaces of workers."""
    helm = os.environ.get("HELM") or str(tools("helm")["helm"])
    options = ["--namespace", "taskjob-system", "--kube-version", "1.31.0", "--skip-tests"]
    settings = ["--set", "crds.keep=false", "--set-json", "workerNamespaces=[]"]
    answer = subprocess.run(
        [helm, "template", "taskjob", "helm/taskjob", *options, *settings],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return [_without_helm(one) for one in yaml.safe_load_all(answer.stdout) if one]


def wanted() -> dict[Path, str]:
    """Path → text."""
    parts: dict[str, list[dict[str, Any]]] = {"definitions": [], "rights": [], "taskjob": []}
    for one in rendered():
        parts[_part(one["kind"])].append(one)
    return {BASE / f"{name}.yaml": HEADER + _text(objects) for name, objects in parts.items()}


def main(*, check: bool) -> int:
    stale = False
    for path, text in wanted().items():
        before = path.read_text() if path.exists() else ""
        if before == text:
            continue
        stale = True
        if check:
            sys.stdout.writelines(
                difflib.unified_diff(before.splitlines(keepends=True), text.splitlines(keepends=True), str(path))
            )
        else:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    if check and stale:
        print("manifests/base is not up to date with the chart. Run: make generate")
    return int(check and stale)


def _part(kind: str) -> str:
    if kind == "CustomResourceDefinition":
        return "definitions"
    return "rights" if kind in RIGHTS else "taskjob"


def _without_helm(one: dict[str, Any]) -> dict[str, Any]:
    pod = one.get("spec", {}).get("template", {}).get("metadata", {})
    for metadata in (one["metadata"], pod):
        labels = metadata.get("labels", {})
        for name in OF_HELM & labels.keys():
            del labels[name]
    return one


def _text(objects: list[dict[str, Any]]) -> str:
    return yaml.safe_dump_all(objects, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
