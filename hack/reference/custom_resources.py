"""The fields of the custom resources, from their definitions: name, bounds, whether they may change, meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from taskjob.spec import MUTABLE_FIELDS
from taskjob_operator.crd.definitions import definitions

Schema = dict[str, Any]


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Path, schema and whether it is required, in the order of the documents."""
    for name, field in schema.get("properties", {}).items():
        inner = field.get("items", field)
        here = f"{path}{name}" + ("[]" if "items" in field else "")
        yield here, field, name in schema.get("required", ())
        yield from fields(inner, f"{here}.")


def kind_of(field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if field.get("format") == "date-time":
        return "time"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return "list" if field["items"]["type"] == "object" else f"list of {field['items']['type']}s"
    if "additionalProperties" in field:
        return "map"
    return str(field["type"])


def bounds(field: Schema) -> str:
    if field.get("format") == "date-time" or "enum" in field:
        return ""
    if "minimum" in field:
        return f"{field['minimum']}…{field['maximum']}" if "maximum" in field else f"at least {field['minimum']}"
    for key, unit in (("maxLength", "characters"), ("maxItems", "entries"), ("maxProperties", "entries")):
        if key in field:
            return f"at most {field[key]} {unit}"
    return ""


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def table(schema: Schema, *, mutable: frozenset[str] | None) -> str:
    """With `mutable`, a column that says which fields may change."""
    changes = " may change |" if mutable is not None else ""
    lines = [f"| field | type | bounds |{changes} meaning |", f"|---|---|---|{'---|' if changes else ''}---|"]
    for path, field, required in fields(schema):
        notes = [bounds(field)]
        if required and "." not in path:
            notes.append("required")
        if "default" in field and not isinstance(field["default"], dict):
            notes.append(f"default `{field['default']}`")
        may = " |" if mutable is None else f" | {'yes' if path in mutable else ''} |"
        told = "; ".join(note for note in notes if note)
        lines.append(f"| `{path}` | {kind_of(field)} | {told}{may} {cell(field['description'])} |")
    return "\n".join(lines)


def columns(plural: str) -> str:
    shown = version(plural)["additionalPrinterColumns"]
    plain = ", ".join(column["name"] for column in shown if not column.get("priority"))
    wide = ", ".join(column["name"] for column in shown if column.get("priority"))
    return f"`kubectl get {plural}` shows {plain}; with `-o wide` also {wide}."


def version(plural: str) -> dict[str, Any]:
    (found,) = definitions()[plural]["spec"]["versions"]
    return dict(found)


def properties(plural: str) -> dict[str, Schema]:
    return dict(version(plural)["schema"]["openAPIV3Schema"]["properties"])


def render_job_spec() -> str:
    return columns("taskjobs") + "\n\n" + table(properties("taskjobs")["spec"], mutable=MUTABLE_FIELDS)


def render_job_status() -> str:
    return table(properties("taskjobs")["status"], mutable=None)


def render_queue_spec() -> str:
    return columns("taskqueues") + "\n\n" + table(properties("taskqueues")["spec"], mutable=None)


def render_queue_status() -> str:
    return table(properties("taskqueues")["status"], mutable=None)
