"""From a document's JSON Schema to the structural schema that the API server accepts.

Structural schemas know neither references nor null, and a server prunes where pydantic forbids. What a document says
that has no such form is refused here, so that a bound cannot get lost on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from taskjob_operator.crd.rules import RULES, Rule

Schema = dict[str, Any]

_KEPT = (
    "type",
    "format",
    "description",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
)
_DROPPED = {
    "$defs",
    "title",
    "default",  # each one is decided in `definitions`: a default here would hide the queue's
    "propertyNames",  # a structural schema cannot bound keys; the operator does when it reads the document
}
_TRANSLATED = {
    "additionalProperties",
    "anyOf",
    "const",
    "items",
    "patternProperties",
    "properties",
    "required",
    "uniqueItems",
}


def structural_schema(model: type[BaseModel]) -> Schema:
    """With the rules of each document within. Raises `TypeError` for what a structural schema cannot say."""
    whole = model.model_json_schema(by_alias=True)
    documents = _Documents(whole.get("$defs", {}), {document.__name__: rules for document, rules in RULES.items()})
    return documents.translate({**whole, _DOCUMENT: model.__name__}, model.__name__)


_DOCUMENT = "x-document"


@dataclass(frozen=True)
class _Documents:
    definitions: Mapping[str, Any]
    rules: Mapping[str, list[Rule]]

    def translate(self, source: Mapping[str, Any], where: str) -> Schema:
        source = self._resolved(source, where)
        if unknown := source.keys() - set(_KEPT) - _DROPPED - _TRANSLATED - {_DOCUMENT}:
            raise TypeError(f"{where}: a structural schema has no {', '.join(sorted(unknown))}")
        schema: Schema = {key: source[key] for key in _KEPT if key in source}
        if "description" in schema:
            schema["description"] = " ".join(schema["description"].split())
        if "const" in source:
            schema["enum"] = [source["const"]]
        if source.get("uniqueItems"):
            schema["x-kubernetes-list-type"] = "set"
        if "x-kubernetes-int-or-string" in schema:
            schema["anyOf"] = source["anyOf"]
        match schema.get("type"):
            case "integer":
                schema.setdefault("format", "int32")
            case "array":
                schema["items"] = self.translate(source["items"], f"{where}[]")
            case "object":
                schema |= self._object(source, where)
        return schema

    def _object(self, source: Mapping[str, Any], where: str) -> Schema:
        if "properties" in source:
            fields = source["properties"].items()
            schema: Schema = {"properties": {name: self.translate(field, f"{where}.{name}") for name, field in fields}}
            if source.get("required"):
                schema["required"] = source["required"]
            if rules := self.rules.get(source.get(_DOCUMENT, "")):
                schema["x-kubernetes-validations"] = list(rules)
            return schema
        values = next(iter(source.get("patternProperties", {}).values()), source.get("additionalProperties"))
        if isinstance(values, Mapping):
            return {"additionalProperties": self.translate(values, f"{where}.*")}
        return {"x-kubernetes-preserve-unknown-fields": True}

    def _resolved(self, source: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        """Without `$ref` and without `null` as an alternative: what is absent is null. The field's own words go before
        those of its type."""
        if "$ref" in source:
            name = source["$ref"].removeprefix("#/$defs/")
            own = {key: value for key, value in source.items() if key != "$ref"}
            return self._resolved({**self.definitions[name], _DOCUMENT: name, **own}, where)
        if "anyOf" not in source or source.get("x-kubernetes-int-or-string"):
            return source
        others = [one for one in source["anyOf"] if one.get("type") != "null"]
        if len(others) != 1:
            raise TypeError(f"{where}: a structural schema has no choice between {len(others)} types")
        own = {key: value for key, value in source.items() if key != "anyOf"}
        return self._resolved({**others[0], **own}, where)
