"""Container images written without an engine: layers from files, several images in one OCI layout, or one image in the
form that `docker load` takes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())

File = Path | bytes  # copied from here with its permissions, or written as it stands


class Layout:
    """An OCI image layout in one tar; layers and configurations that images share are stored once."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.index: list[dict[str, object]] = []

    def image(self, *names: str, layers: Sequence[bytes], entrypoint: Sequence[str] = ()) -> None:
        config = configuration([digest_of(layer) for layer in layers], Entrypoint=list(entrypoint))
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": self.blob("application/vnd.oci.image.config.v1+json", config),
            "layers": [self.blob("application/vnd.oci.image.layer.v1.tar", layer) for layer in layers],
        }
        stored = self.blob(str(manifest["mediaType"]), json.dumps(manifest).encode())
        for name in names:
            tag = name.rsplit(":", 1)[1]
            annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}
            described = {"platform": {"architecture": ARCHITECTURE, "os": "linux"}, "annotations": annotations}
            self.index.append({**stored, **described})

    def blob(self, media_type: str, content: bytes) -> dict[str, object]:
        digest = digest_of(content)
        self.blobs[digest.removeprefix("sha256:")] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def write(self, path: Path) -> None:
        with tarfile.open(path, "w") as archive:
            add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": self.index}).encode())
            for digest, content in self.blobs.items():
                add(archive, f"blobs/sha256/{digest}", content)


def layer(files: Mapping[str, File], links: Mapping[str, str] | None = None, folders: Sequence[str] = ()) -> bytes:
    """An uncompressed layer with these files, symbolic links (path → target), empty folders, and all folders above."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        above = {str(folder) for path in [*files, *(links or {})] for folder in PurePosixPath(path).parents}
        for folder in sorted({name.strip("/") for name in above | set(folders)} - {""}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        for path, source in sorted(files.items()):
            executable = isinstance(source, Path) and os.access(source, os.X_OK)
            content = source.read_bytes() if isinstance(source, Path) else source
            add(archive, path.strip("/"), content, mode=0o755 if executable else 0o644)
        for path, target in sorted((links or {}).items()):
            entry = tarfile.TarInfo(path.strip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return stream.getvalue()


def write_for_docker(path: Path, name: str, layer_file: Path, **config: object) -> None:
    """One image of one layer that lies in a file already, which may be large."""
    with layer_file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    described = configuration([f"sha256:{digest}"], **config)
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        add(archive, "manifest.json", json.dumps(manifest).encode())
        add(archive, "config.json", described)
        archive.add(layer_file, "layer.tar")


def configuration(layers: Sequence[str], **config: object) -> bytes:
    given = {"Env": [SEARCH_PATH], "WorkingDir": "/", **{key: value for key, value in config.items() if value}}
    rootfs = {"type": "layers", "diff_ids": list(layers)}
    return json.dumps({"architecture": ARCHITECTURE, "os": "linux", "config": given, "rootfs": rootfs}).encode()


def add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
