"""The image of kind's nodes: kind's own where it can be pulled, else one built from packages and Go modules."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import docker_engine
import image_archive
import node_images
import places
from commands import Missing, run, say, succeeds
from go_toolchain import go
from locks import cache, locked
from tools import tools

# What kind v0.30.0 was released with.
RELEASED = "kindest/node:v1.34.0"
REPOSITORY_NAME = "taskjob-kind-node"
MADE_BY = ("node_rootfs.sh", "node_images.py", "image_archive.py")
PROGRAMS = ("node", "coredns", "pause", "local-path-provisioner")


def ensure() -> str | None:
    """The image's name, once the engine has it. None: kind's own default. TASKJOB_NODE_IMAGE names another one."""
    if chosen := os.environ.get("TASKJOB_NODE_IMAGE"):
        return chosen
    ours = name()
    if succeeds("docker", "image", "inspect", ours, seconds=30):
        return ours
    if not prepare():
        return None
    say(f"Loading {ours}")
    run("docker", "load", "--quiet", "--input", archive(), seconds=300)
    return ours


def prepare() -> bool:
    """Whether an archive of ours is used, which then is there; not where a released image can be had."""
    if os.environ.get("TASKJOB_NODE_IMAGE") or (not archive().exists() and can_be_pulled()):
        return False
    if not archive().exists():
        with locked(cache()):
            if not archive().exists():
                build()
    return True


def name() -> str:
    sources = [places.HERE / file for file in MADE_BY]
    return f"{REPOSITORY_NAME}:{places.version('k8s.io/kubernetes')}-{places.key(places.PROGRAMS, *sources)}"


def archive() -> Path:
    return places.CACHE / f"{name().replace(':', '-')}.tar"


def can_be_pulled() -> bool:
    """Asks for the manifest only, which fails at once where no image registry can be reached."""
    return succeeds("docker", "manifest", "inspect", RELEASED, seconds=20)


def build() -> None:
    """Write the archive of a node image. Root on Debian, since a root file system is made with its package tools."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(
            f"{RELEASED} cannot be pulled, and building a node image needs root on Debian. Name an image that the "
            "engine has with TASKJOB_NODE_IMAGE, or a cluster of yours with TASKJOB_KUBECONFIG=/path/to/kubeconfig."
        )
    if not shutil.which("mmdebstrap"):
        docker_engine.apt_install("mmdebstrap")
    programs = tools("kind", *PROGRAMS)
    work = places.CACHE / "node-work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    say("Building the image of kind's nodes (about a minute)")
    folder = programs["node"].parent
    run(places.HERE / "node_rootfs.sh", "system", work, kind_sources(), folder / "node", seconds=600)
    node_images.write(work / "images.tar", root=work / "root", programs=folder)
    run(places.HERE / "node_rootfs.sh", "images", work, seconds=300)
    pack(work)
    shutil.rmtree(work)


def kind_sources() -> Path:
    """kind's entrypoint, units and manifests are taken from its Go module, where they are released."""
    return Path(run(go(), "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kind", cwd=places.PROGRAMS, seconds=300).strip())


def pack(work: Path) -> None:
    partly = archive().with_suffix(".partly")
    image_archive.write_for_docker(
        partly,
        name(),
        work / "root.tar",
        Env=[image_archive.SEARCH_PATH, "container=docker"],
        StopSignal="SIGRTMIN+3",
        Entrypoint=["/usr/local/bin/entrypoint", "/sbin/init"],
    )
    partly.rename(archive())
    archives = sorted(places.CACHE.glob(f"{REPOSITORY_NAME}-*.tar"), key=lambda path: path.stat().st_mtime)
    for older in archives[:-2]:
        older.unlink()
