"""What holds of both definitions whatever a server says: bounds, words, defaults, rules, columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from taskjob.spec import MUTABLE_FIELDS, TaskJobSpec, TaskQueueSpec
from taskjob_operator.crd.definitions import definitions
from taskjob_operator.crd.manifest import manifest
from taskjob_operator.crd.rules import RULES
from taskjob_operator.crd.schema import structural_schema

DEFINITIONS = definitions()
YAML_BOOLEANS = {"on", "off", "yes", "no", "y", "n"}
BOTH = pytest.mark.parametrize("plural", DEFINITIONS)


def version_of(plural: str) -> dict[str, Any]:
    (version,) = DEFINITIONS[plural]["spec"]["versions"]
    return version


def fields(plural: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path → schema, of spec and status and everything within."""
    properties = version_of(plural)["schema"]["openAPIV3Schema"]["properties"]
    pending = [(name, properties[name]) for name in ("spec", "status")]
    while pending:
        path, schema = pending.pop()
        yield path, schema
        pending += [(f"{path}.{name}", one) for name, one in schema.get("properties", {}).items()]
        if "items" in schema:
            pending.append((f"{path}[]", schema["items"]))
        if "additionalProperties" in schema:
            pending.append((f"{path}.*", schema["additionalProperties"]))


@BOTH
def test_every_string_list_and_map_is_bounded(plural: str) -> None:
    bound = {
        "": "maxLength",
        "string": "maxLength",
        "array": "maxItems",
        "object": "maxProperties",
        "integer": "minimum",
    }
    unbounded = [
        path
        for path, schema in fields(plural)
        if (kind := schema.get("type")) in bound
        and bound[kind] not in schema
        and not {"properties", "enum"} & set(schema)
    ]

    assert [] == unbounded


@BOTH
def test_every_field_is_described(plural: str) -> None:
    undescribed = [
        path for path, schema in fields(plural) if not path.endswith(("[]", ".*")) and not schema.get("description")
    ]

    assert [] == undescribed


@BOTH
def test_nothing_is_a_boolean_to_yaml_1_1(plural: str) -> None:
    """`on:` in a document becomes the key true before TaskJob sees it."""
    words = {part for path, _ in fields(plural) for part in re.split(r"[.\[\]*]+", path)}
    words |= {value for _, schema in fields(plural) for value in schema.get("enum", ()) if isinstance(value, str)}

    assert set() == {word.lower() for word in words} & YAML_BOOLEANS


@BOTH
def test_there_are_no_floats(plural: str) -> None:
    assert set() == {schema.get("type") for _, schema in fields(plural)} - {
        "string", "integer", "boolean", "array", "object", None,
    }  # fmt: skip


@BOTH
def test_only_a_quantity_has_no_type(plural: str) -> None:
    assert {True} >= {schema.get("x-kubernetes-int-or-string") for _, schema in fields(plural) if "type" not in schema}


@pytest.mark.parametrize(
    ("plural", "expected"),
    [
        ("taskjobs", {"spec.queue", "status"}),
        ("taskqueues", {"spec.replicas", "spec.autoscaling", "spec.autoscaling.mode", "status"}),
    ],
)
def test_nothing_else_has_a_default(plural: str, expected: set[str]) -> None:
    """A default in the schema of a job would keep its queue's from ever applying."""
    assert expected == {path for path, schema in fields(plural) if "default" in schema}


def test_a_field_of_a_job_is_immutable_unless_it_is_declared_mutable() -> None:
    spec = version_of("taskjobs")["schema"]["openAPIV3Schema"]["properties"]["spec"]
    rules = [entry["rule"] for entry in spec["x-kubernetes-validations"]]
    immutable = {
        name for name in spec["properties"] if any(f"has(self.{name}) == has(oldSelf.{name})" in rule for rule in rules)
    }

    assert set(spec["properties"]) - MUTABLE_FIELDS == immutable
    assert spec["properties"].keys() >= MUTABLE_FIELDS


def test_what_is_mutable_says_so() -> None:
    said = {
        field.alias or name
        for name, field in TaskJobSpec.model_fields.items()
        if "Mutable" in (field.description or "")
    }

    assert MUTABLE_FIELDS == said


def documents_within(model: type[BaseModel]) -> set[type[BaseModel]]:
    found, pending = set(), [model]
    while pending:
        current = pending.pop()
        found.add(current)
        pending += [
            subclass for subclass in all_documents() if subclass.__name__ in names_in(current) and subclass not in found
        ]
    return found


def names_in(model: type[BaseModel]) -> set[str]:
    return set(re.findall(r"\w+", " ".join(str(field.annotation) for field in model.model_fields.values())))


def all_documents() -> list[type[BaseModel]]:
    found, pending = [], [BaseModel]
    while pending:
        subclasses = [one for one in pending.pop().__subclasses__() if one.__module__.startswith("taskjob.spec")]
        found += subclasses
        pending += subclasses
    return found


def test_every_relation_that_a_laptop_checks_is_checked_by_the_api_server_too() -> None:
    checked = {
        document
        for document in documents_within(TaskJobSpec) | documents_within(TaskQueueSpec)
        if document.__pydantic_decorators__.model_validators
    }

    assert {one.__name__ for one in checked} == {one.__name__ for one in RULES}


@BOTH
def test_columns_and_selectable_fields_lead_somewhere(plural: str) -> None:
    known = {f".{path}" for path, schema in fields(plural) if "properties" not in schema}
    version = version_of(plural)
    paths = [column["jsonPath"] for column in version["additionalPrinterColumns"]]
    paths += [field["jsonPath"] for field in version.get("selectableFields", ())]

    assert {".metadata.creationTimestamp"} == set(paths) - known
    assert len(version.get("selectableFields", ())) <= 8


@BOTH
def test_a_manifest_is_plain_yaml_and_says_the_same(plural: str) -> None:
    text = manifest(DEFINITIONS[plural])

    assert yaml.safe_load(text) == DEFINITIONS[plural]
    assert not re.search(r"(^|\s)[&*]id\d", text)


class Choice(BaseModel):
    either: int | str


class Fraction(BaseModel):
    share: float = 0.5


class Multiple(BaseModel):
    of: dict[str, int | bool]


@pytest.mark.parametrize("model", [Choice, Multiple])
def test_what_a_structural_schema_cannot_say_is_refused(model: type[BaseModel]) -> None:
    with pytest.raises(TypeError, match="no choice between 2 types"):
        structural_schema(model)


def test_an_unknown_keyword_is_refused() -> None:
    class Even(BaseModel):
        model_config = {"json_schema_extra": {"multipleOf": 2}}

    with pytest.raises(TypeError, match="Even: a structural schema has no multipleOf"):
        structural_schema(Even)
