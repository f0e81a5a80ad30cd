"""Artifacts: names and sizes, and where to read them. Keys of the artifact store stay inside."""

from __future__ import annotations

from typing import Literal

from taskjob_api.views.record import View
from taskjob_engine.holdings import JobArtifact


class ArtifactView(View, frozen=True, kw_only=True):
    """Something that a delivery left. `links.content` reads it: a result as it is, a log in pieces (`LogView`)."""

    kind: Literal["result", "log"]
    name: str
    media_type: str
    run: int
    delivery: int
    size_bytes: int
    links: ArtifactLinks


class ArtifactLinks(View, frozen=True, kw_only=True):
    content: str


class ArtifactList(View, frozen=True, kw_only=True):
    """In order of delivery, all runs; a result is told of the newest run alone."""

    items: list[ArtifactView]


def artifact_view(artifact: JobArtifact, job: str) -> ArtifactView:
    """`job` is the path of the job."""
    log = f"{job}/logs?run={artifact.run}&delivery={artifact.delivery}"
    return ArtifactView(
        kind=artifact.kind,
        name=artifact.name,
        media_type=artifact.media_type,
        run=artifact.run,
        delivery=artifact.delivery,
        size_bytes=artifact.size,
        links=ArtifactLinks(content=log if artifact.kind == "log" else f"{job}/result"),
    )
