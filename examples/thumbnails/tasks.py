"""One task: make a thumbnail of a picture.

Pictures lie in buckets, folders below THUMBNAILS_INPUT; thumbnails go to the same places below THUMBNAILS_OUTPUT.
Decoding files from strangers is the kind of work that belongs into a process of its own: a crash or an endless
loop in the decoder then costs one attempt, not the worker.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from taskjob import Context, task

INPUT = Path(os.environ.get("THUMBNAILS_INPUT", "pictures"))
OUTPUT = Path(os.environ.get("THUMBNAILS_OUTPUT", "thumbnails"))


@dataclass
class Thumbnail:
    """`picture` lies in `bucket`; the thumbnail is at most `width` pixels wide and never larger than the picture."""

    bucket: str
    picture: str
    width: int


@task(name="thumbnail", queue="thumbnails", executor="process", timeout_seconds=60)
def thumbnail(wanted: Thumbnail, context: Context) -> dict[str, object]:
    """Make one thumbnail. Safe to run twice: the file appears whole, under the same name, or not at all."""
    source = inside(INPUT, wanted.bucket, wanted.picture)
    target = inside(OUTPUT, wanted.bucket, f"{source.stem}-{wanted.width}.jpg")
    target.parent.mkdir(parents=True, exist_ok=True)
    context.log("%s, %d bytes, to %d pixels", source.name, source.stat().st_size, wanted.width)

    with Image.open(source) as picture:
        small = picture.convert("RGB")
    small.thumbnail((wanted.width, small.height))

    unfinished = target.with_name(f".{target.name}.{context.job_id}")
    small.save(unfinished, "JPEG", quality=85)
    unfinished.replace(target)
    return {"file": str(target), "width": small.width, "height": small.height}


def inside(root: Path, bucket: str, name: str) -> Path:
    """The path of `name` in `bucket`, which never leaves `root`, whatever a payload says."""
    path = (root / bucket / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ValueError(f"{bucket}/{name} is outside of {root}")
    return path
