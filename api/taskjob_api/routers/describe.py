"""OpenAPI of routes that read and write raw JSON: which document they take, which record they answer."""

from __future__ import annotations

from typing import Any

JSON = "application/json"


def answers(view: type, description: str = "Success", *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    return {status: {"description": description, "content": {JSON: {"schema": reference(view)}}}}


def takes(*documents: type, required: bool = True) -> dict[str, Any]:
    one, *others = [reference(document) for document in documents]
    schema = {"oneOf": [one, *others]} if others else one
    return {"requestBody": {"required": required, "content": {JSON: {"schema": schema}}}}


def reference(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
