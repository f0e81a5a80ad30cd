"""One TaskJob document for each picture and width.

`python examples/thumbnails/jobs.py examples/jobs` writes those of the demo's photographs, which are committed so
that they can be read and applied anywhere; `write` makes the same for the pictures of another folder.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pictures import BROKEN, PHOTOGRAPHS

WIDTHS = (32, 48, 64, 80, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
BROKEN_WIDTHS = (128, 512)
LONGEST_NAME = 52


def document(bucket: str, picture: str, width: int) -> str:
    """The YAML of one job, as short as it can be."""
    payload = {"bucket": bucket, "picture": picture, "width": width}
    return (
        "---\n"
        "apiVersion: taskjob.dev/v1alpha1\n"
        "kind: TaskJob\n"
        f"metadata: {{name: {object_name(bucket, picture, width)}, labels: {{bucket: {bucket}}}}}\n"
        f"spec: {{queue: thumbnails, task: thumbnail, payload: {json.dumps(payload)}}}\n"
    )


def object_name(bucket: str, picture: str, width: int) -> str:
    """A Kubernetes name. A file name that is none by itself gets a digest, so that two never share one."""
    plain = f"{bucket}-{picture}".lower().replace(".", "-").replace("_", "-")
    name = f"{plain}-{width}"
    if re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", plain) and len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(picture.encode()).hexdigest()[:12]
    return f"{bucket}-{digest}-{width}"


def documents(bucket: str, names: Iterable[str], widths: Iterable[int]) -> Iterator[str]:
    widths = tuple(widths)
    return (document(bucket, name, width) for name in names for width in widths)


def write(folder: Path, names: Iterable[str]) -> None:
    """Write the jobs for `names` and for the broken files, a file for each bucket."""
    head = "# Written by examples/thumbnails/jobs.py: one job for each picture and width.\n"
    (folder / "photographs.yaml").write_text(head + "".join(documents("photographs", names, WIDTHS)))
    (folder / "broken.yaml").write_text(head + "".join(documents("broken", BROKEN, BROKEN_WIDTHS)))


if __name__ == "__main__":
    write(Path(sys.argv[1]), PHOTOGRAPHS)
