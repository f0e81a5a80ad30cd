"""The metrics of api and worker, from their catalogues."""

from __future__ import annotations


def render() -> str:
    raise SystemExit("to be written against the catalogue")
