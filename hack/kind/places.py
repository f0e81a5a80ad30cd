"""Where the set-up keeps things, under which names, in which versions. Nothing lies in the repository.

Artefacts that took long to make are cached under a key of what they were made from; what runs has a state folder that
`down` removes. Environment: XDG_CACHE_HOME; TASKJOB_CLUSTER, a name; TASKJOB_KIND_STATE and TASKJOB_KIND_DATA, folders;
TASKJOB_KIND_CONFIG, another file than manifests/kind/cluster.yaml.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PROGRAMS = HERE / "programs"  # the Go module whose go.mod pins every version

CLUSTER = os.environ.get("TASKJOB_CLUSTER", "taskjob")
NODES = Path(os.environ.get("TASKJOB_KIND_CONFIG") or REPOSITORY / "manifests/kind/cluster.yaml")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "taskjob/kind"


def state() -> Path:
    """What is running: sockets, the kubeconfig, what the machine was like before. An engine is started by root only,
    and then found again whatever HOME is (so a later run can clear up after one that was killed)."""
    if chosen := os.environ.get("TASKJOB_KIND_STATE"):
        return Path(chosen)
    root = Path("/run") if os.geteuid() == 0 else Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    return root / "taskjob/kind" / CLUSTER


def engine_state() -> Path:
    """Of the engine that this set-up started on this machine. There is one for clusters of all names, in the folder of
    the cluster that needed it first, since two engines would quarrel about the machine's bridges and rules."""
    for folder in (state(), *sorted(state().parent.glob("*"))):
        if (folder / "before.json").exists():
            return folder
    return state()


def engine_data() -> Path:
    """Images of an engine that this set-up starts; kept between clusters, since loading them takes longest."""
    return Path(os.environ.get("TASKJOB_KIND_DATA") or CACHE / "engine" / engine_state().name)


def kubeconfig() -> Path:
    return state() / "kubeconfig"


def version(module: str) -> str:
    """The version of a Go module as go.mod pins it."""
    pinned = (PROGRAMS / "go.mod").read_text()
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", pinned, re.MULTILINE)
    if not found:
        raise LookupError(f"{module} is not in {PROGRAMS / 'go.mod'}")
    return found[1]


def key(*paths: Path) -> str:
    """Changes when the contents of any of these files, or of files in these folders, change."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(HERE.parents[1])}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
