"""Find Go, or fetch its toolchain through the same module proxy as every other module."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import urllib.request
import zipfile
from pathlib import Path

import places
from commands import Failed, Missing, run, say

# An older Go cannot read the `tool` lines of go.mod nor fetch a newer toolchain by itself.
OLDEST = (1, 24)
TOOLCHAIN = "go1.25.5"
SYSTEM = ("Linux", "x86_64", "linux-amd64")
SHA256 = "8cea6783dab64d68b38f5b81ecd38d45155a3c06638991acc6af19e0fca80edb"  # of the module proxy's archive


def go() -> Path:
    """A Go that can build the programs: the machine's if it is new enough, else one in the cache."""
    present = shutil.which("go")
    if present and new_enough(present):
        return Path(present)
    unpacked = places.CACHE / TOOLCHAIN
    if not (unpacked / "bin/go").exists():
        fetch(unpacked)
    return unpacked / "bin/go"


def new_enough(program: str) -> bool:
    try:
        found = re.search(r"go(\d+)\.(\d+)", run(program, "version", seconds=30))
    except Failed:
        return False
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def fetch(target: Path) -> None:
    if (platform.system(), platform.machine()) != SYSTEM[:2]:
        raise Missing(
            f"Go {'.'.join(map(str, OLDEST))} or newer is needed to build kind's tools: see https://go.dev/dl."
        )
    proxies = [proxy for proxy in re.split("[,|]", os.environ.get("GOPROXY", "")) if proxy.startswith("http")]
    proxy = (proxies or ["https://proxy.golang.org"])[0].rstrip("/")
    address = f"{proxy}/golang.org/toolchain/@v/v0.0.1-{TOOLCHAIN}.{SYSTEM[2]}.zip"
    say(f"Fetching {TOOLCHAIN}, since no Go {'.'.join(map(str, OLDEST))} or newer is on PATH")
    partly = target.with_suffix(".partly")
    shutil.rmtree(partly, ignore_errors=True)
    partly.mkdir(parents=True)
    archive = partly / "toolchain.zip"
    try:
        with urllib.request.urlopen(address, timeout=60) as answer, archive.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as error:
        raise Missing(
            f"Go is not installed and the Go module proxy does not answer ({error}). Set GOPROXY, or install Go."
        ) from error
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise Missing(f"What the Go module proxy sent for {TOOLCHAIN} is not the released archive. Check GOPROXY.")
    unpack(archive, partly / "go")
    (partly / "go").rename(target)
    shutil.rmtree(partly)


def unpack(archive: Path, target: Path) -> None:
    """A module's archive has one top folder and keeps no permissions."""
    with zipfile.ZipFile(archive) as files:
        for name in files.namelist():
            # golang.org/toolchain@v0.0.1-go1.25.5.linux-amd64/bin/go
            path = target / name.split("@", 1)[1].split("/", 1)[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files.read(name))
            if "bin" in path.parts or "tool" in path.parts:
                path.chmod(0o755)
