"""The pictures of the demo: real photographs, and some files that are broken on purpose.

The photographs are those that the scikit-image package carries for its own examples. Its wheel is downloaded once
by pip and kept unpacked in the user's cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "color.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)

BROKEN = ("empty.png", "notes.png", "truncated.jpg")
"""No bytes at all; text under the name of a picture; the first half of a photograph."""

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}


def cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "taskjob" / "photographs"


def fetch_photographs() -> Path:
    """The folder with the photographs, downloaded where it is not there yet."""
    folder = cache_folder()
    if all((folder / name).is_file() for name in PHOTOGRAPHS):
        return folder
    print("Downloading photographs (the scikit-image wheel, about 14 MB, once) …", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "--no-deps", "--only-binary=:all:", "--dest", work, "scikit-image"], check=True, timeout=300
        )
        wheel = next(Path(work).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            for name in PHOTOGRAPHS:
                unfinished = folder / f".{name}"
                unfinished.write_bytes(archive.read(f"skimage/data/{name}"))
                unfinished.replace(folder / name)
    return folder


def pictures_in(folder: Path) -> list[str]:
    """Names of the picture files directly in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir() if path.is_file() and path.suffix.lower() in SUFFIXES)


def fill_buckets(source: Path, names: list[str], root: Path) -> None:
    """Lay out the buckets `photographs` and `broken` below `root`."""
    photographs, broken = root / "photographs", root / "broken"
    photographs.mkdir(parents=True)
    broken.mkdir()
    for name in names:
        shutil.copyfile(source / name, photographs / name)

    (broken / "empty.png").touch()
    (broken / "notes.png").write_text("Buy film. This file says that it is a picture; it is not.\n")
    whole = (fetch_photographs() / "retina.jpg").read_bytes()
    (broken / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
