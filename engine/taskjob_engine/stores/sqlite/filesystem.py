"""What kind of file system a path stands on, and who may read a file. It judges nothing but "is it a network's"."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

PRIVATE_FILE = 0o600
_NETWORK_TYPES = frozenset(
    {
        "9p",
        "afs",
        "afpfs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.glusterfs",
        "fuse.rclone",
    }
    | {"gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs"}
    | {"vboxsf", "virtiofs", "webdav"}
)


def filesystem_type(path: Path) -> str:
    """The type of the mount that holds `path` (an existing file or folder), or "unknown".

    Linux tells it in /proc/self/mounts by the longest mount point above the path; macOS only by `mount`,
    which is not asked: WAL needs shared memory and refuses most network mounts there by itself.
    """
    if sys.platform != "linux":
        return "unknown"
    return type_of_mount(os.path.realpath(path), Path("/proc/self/mounts").read_text(encoding="utf-8"))


def type_of_mount(path: str, mounts: str) -> str:
    """The type of the deepest mount above the absolute `path`, by the text of a mounts table."""
    best, found = -1, "unknown"
    for line in mounts.splitlines():
        fields = line.split(" ")
        point = fields[1].encode().decode("unicode_escape")
        inside = point in {"/", path} or path.startswith(point + "/")
        # Of two mounts on one point the later one covers the earlier.
        if inside and len(point) >= best:
            best, found = len(point), fields[2]
    return found


def is_network(filesystem: str) -> bool:
    return filesystem in _NETWORK_TYPES


def make_private(path: Path) -> None:
    """The file exists and, where it is this user's, is this user's alone. SQLite gives its -wal and -shm the mode
    of their database. Raises `OSError`."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        # Another user's file that may be written was shared on purpose, and only its owner may change that.
        with contextlib.suppress(PermissionError):
            os.fchmod(file, PRIVATE_FILE)
    finally:
        os.close(file)
