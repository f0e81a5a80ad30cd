"""What may be written into the chart's values, and what a wrong one is told."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendered_chart import CHART, OLDEST, Helm

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("api.typo=1", "additional properties 'typo' not allowed"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("image.digest=abc", "/image/digest"),
        ("store.mode=postgres", "/store/mode"),
        ("store.durability=none", "/store/durability"),
        ("store.persistence.size=big", "/store/persistence/size"),
        ("store.persistence.accessMode=ReadWriteMany", "/store/persistence/accessMode"),
        ("api.replicas=many", "/api/replicas"),
        ("api.sessionTtlSeconds=1", "/api/sessionTtlSeconds"),
        ("workerNamespaces={Not_A_Name}", "/workerNamespaces/0"),
        ("operator.logLevel=loud", "/operator/logLevel"),
    ],
)
def test_a_wrong_value_is_refused_by_the_schema_with_its_place(helm: Helm, setting: str, told: str) -> None:
    assert told in helm.refuses(setting).replace(".", "/")


def test_a_second_api_on_the_embedded_store_is_refused_with_the_reason(helm: Helm) -> None:
    assert "exactly one owner" in helm.refuses("api.replicas=2")


def test_the_schema_knows_each_value_and_no_other() -> None:
    assert set(_keys(VALUES)) == set(_schema_keys(SCHEMA)) - {"enabled"}  # `enabled`: a condition of an umbrella chart


def test_every_value_says_what_it_is_for() -> None:
    readme = (CHART / "README.md").read_text()

    assert [] == [key for key in _keys(VALUES) if f"`{key}`" not in readme]


def test_it_works_as_part_of_an_umbrella_chart(helm: Helm, tmp_path: Path) -> None:
    umbrella = tmp_path / "umbrella"
    shutil.copytree(CHART, umbrella / "charts/taskjob")
    (umbrella / "Chart.yaml").write_text(
        "apiVersion: v2\nname: umbrella\nversion: 1.0.0\n"
        "dependencies: [{name: taskjob, version: '*', condition: taskjob.enabled}]\n"
    )
    (umbrella / "values.yaml").write_text("global: {anything: 1}\ntaskjob: {enabled: true, api: {logLevel: DEBUG}}\n")

    rendered = helm.run("template", "shop", str(umbrella), *OLDEST)

    assert "shop-taskjob-api" in rendered


def test_lint_finds_nothing(helm: Helm) -> None:
    told = helm.run("lint", "--strict", *OLDEST, str(CHART))

    assert "0 chart(s) failed" in told


def test_lint_notices_a_broken_template(helm: Helm, tmp_path: Path) -> None:
    broken = tmp_path / "taskjob"
    shutil.copytree(CHART, broken)
    (broken / "templates/broken.yaml").write_text("{{ .Values.api.replicas | nosuchfunction }}")

    with pytest.raises(subprocess.CalledProcessError):
        helm.run("lint", "--strict", *OLDEST, str(broken))


def _keys(values: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted names of the leaves; a free-form map or an object of Kubernetes is a leaf."""
    found = []
    for name, value in values.items():
        key = prefix + name
        nested = isinstance(value, dict) and value and "resources" not in name
        found += _keys(value, key + ".") if nested else [key]
    return found


def _schema_keys(schema: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in schema["properties"].items():
        found += _schema_keys(value, f"{prefix}{name}.") if "properties" in value else [prefix + name]
    return found
