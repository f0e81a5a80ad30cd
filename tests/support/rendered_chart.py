"""Renders the chart with the real helm and hands the objects out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/taskjob"

OLDEST = ("--kube-version", "1.31.0")
"""The oldest that the chart takes; a helm of one's own making does not know which one is current."""

Objects = dict[tuple[str, str], dict[str, Any]]


class Helm:
    """Ask it to render; a refusal is a `subprocess.CalledProcessError` whose stderr says why."""

    def __init__(self, program: str) -> None:
        self.program = program

    def run(self, *arguments: str) -> str:
        return subprocess.run([self.program, *arguments], check=True, capture_output=True, text=True, timeout=60).stdout

    def render(self, *settings: str, release: str = "taskjob", namespace: str = "taskjob-system") -> Objects:
        """Objects by (kind, name), with the values set as `--set` writes them; what lies outside of the release's
        namespace is named `namespace/name`."""
        options = [option for setting in settings for option in ("--set", setting)]
        text = self.run("template", release, str(CHART), "--namespace", namespace, *OLDEST, *options)
        found = [document for document in yaml.safe_load_all(text) if document]
        objects = {(one["kind"], _name(one["metadata"], namespace)): one for one in found}
        assert len(found) == len(objects), "two objects of one kind share a name"
        return objects

    def refuses(self, *settings: str) -> str:
        with pytest.raises(subprocess.CalledProcessError) as refusal:
            self.render(*settings)
        return str(refusal.value.stderr)


def _name(metadata: dict[str, Any], home: str) -> str:
    place = metadata.get("namespace", home)
    return str(metadata["name"]) if place == home else f"{place}/{metadata['name']}"


def find_program(name: str) -> str | None:
    """helm or kubectl: the machine's, or the one that the cluster's set-up built."""
    return shutil.which(name) or _built(name)


def _built(name: str) -> str | None:
    answer = subprocess.run(
        [sys.executable, "-c", f"import tools; print(tools.folder() / {name!r})"],
        cwd=ROOT / "hack/kind",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    path = Path(answer.stdout.strip())
    return str(path) if answer.returncode == 0 and path.is_file() else None


def containers(objects: Objects) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(object, pod spec, container) of everything that runs something."""
    found = []
    for (kind, name), one in objects.items():
        pod = one["spec"] if kind == "Pod" else one.get("spec", {}).get("template", {}).get("spec")
        if pod and "containers" in pod:
            found += [(f"{kind}/{name}", pod, container) for container in pod["containers"]]
    return found
