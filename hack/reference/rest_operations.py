"""The table of REST operations, from the OpenAPI document that the api serves."""

from __future__ import annotations


def render() -> str:
    raise SystemExit("to be written against the api")
