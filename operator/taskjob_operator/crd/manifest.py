"""The definitions as the files that are committed and shipped."""

from __future__ import annotations

from typing import Any

import yaml

from taskjob_operator.crd.definitions import Definition

HEADER = "# Generated from the documents of client/taskjob/spec by `make generate`. Do not edit.\n"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


def manifest(definition: Definition) -> str:
    """Always the same text for the same definition, without anchors."""
    return HEADER + yaml.dump(
        definition, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
    )
