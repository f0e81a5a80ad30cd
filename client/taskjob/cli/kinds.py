"""The kinds of thing that commands name, with the spellings that people use."""

from __future__ import annotations

from typing import Any

import click

_SPELLINGS = {
    "jobs": ("jobs", "job", "taskjobs", "taskjob", "tj"),
    "queues": ("queues", "queue", "taskqueues", "taskqueue", "tq"),
    "workers": ("workers", "worker"),
}


class Kind(click.ParamType[str]):
    """`jobs`, `queues` or `workers`, however it is spelled."""

    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found = next((kind for kind, spellings in _SPELLINGS.items() if str(value).lower() in spellings), None)
        return found or self.fail(f"{value!r} is not one of jobs, queues, workers", param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:  # noqa: ARG002 - Click's signature
        return "{jobs|queues|workers}"


KIND = Kind()
