"""The project's images, built from its Dockerfile by a real engine and copied into the cluster's nodes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import cluster
import docker_engine
import places
from commands import Failed, Missing, environment, run, say, succeeds
from locks import cache, locked
from tools import tools

NAME = os.environ.get("TASKJOB_IMAGE", "taskjob:dev")
EXAMPLES_NAME = os.environ.get("TASKJOB_EXAMPLES_IMAGE", "taskjob-examples:dev")
RELEASED_BASE = "python:3.11-slim-bookworm"
OWN_BASE = "taskjob-base:bookworm-1"  # count up when the packages change
BASE_PACKAGES = "python3,python3-venv,ca-certificates"

# The machine's way to its package registry, for pip in the first stage; the stage that is kept copies none of it.
REGISTRY_FOLDER = places.REPOSITORY / ".image"
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def build() -> None:
    """Both images, in the engine that the cluster runs on, or that would be started for one."""
    docker_engine.ensure()
    write_registry_settings()
    build_one(NAME, places.REPOSITORY / "Dockerfile", BASE=base())
    build_one(EXAMPLES_NAME, places.REPOSITORY / "examples/Dockerfile", TASKJOB_IMAGE=NAME)


def build_one(name: str, dockerfile: Path, **arguments: str) -> None:
    say(f"Building {name}")
    proxies = {proxy: os.environ[proxy] for proxy in PROXIES if proxy in os.environ}
    words = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    words += [f"--build-arg={key}" for key in proxies]  # their values stay out of argv
    env = environment(**({} if has_buildkit() else {"DOCKER_BUILDKIT": "0"}))
    run("docker", "build", "--tag", name, "--file", dockerfile, *words, places.REPOSITORY, env=env, seconds=900)


def has_buildkit() -> bool:
    return succeeds("docker", "buildx", "version", seconds=20)


def base() -> str:
    """TASKJOB_BASE_IMAGE, else the official image, else one made of Debian packages."""
    if chosen := os.environ.get("TASKJOB_BASE_IMAGE"):
        return chosen
    for name in (RELEASED_BASE, OWN_BASE):
        if succeeds("docker", "image", "inspect", name, seconds=30):
            return name
    if succeeds("docker", "pull", "--quiet", RELEASED_BASE, seconds=300):
        return RELEASED_BASE
    archive = places.CACHE / f"{OWN_BASE.replace(':', '-')}.tar"
    if not archive.exists():
        with locked(cache()):
            if not archive.exists():
                make_base(archive)
    with archive.open("rb") as root:
        run("docker", "import", "-", OWN_BASE, stdin=root, seconds=120)
    return OWN_BASE


def make_base(archive: Path) -> None:
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Missing(
            f"{RELEASED_BASE} cannot be pulled, and making a base image needs root on Debian. "
            "Name one that the engine has: TASKJOB_BASE_IMAGE=NAME (Python 3.11 or newer, with venv)."
        )
    if not shutil.which("mmdebstrap"):
        docker_engine.apt_install("mmdebstrap")
    say("Making a base image of Debian packages")
    archive.parent.mkdir(parents=True, exist_ok=True)
    partly = archive.with_suffix(".partly.tar")
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale")]
    run("mmdebstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", *excluded, "bookworm", partly, seconds=600)
    partly.rename(archive)


def write_registry_settings() -> None:
    """pip.conf and the machine's certificates, in a folder that git and the finished image leave out."""
    REGISTRY_FOLDER.mkdir(exist_ok=True)
    configured = json.loads(run(sys.executable, "-c", READ_PIP_CONFIG, seconds=60))
    lines = [f"{name} = {configured[name]}".replace("\n", "\n    ") for name in PIP_SETTINGS if configured.get(name)]
    bundle = Path(os.environ.get("PIP_CERT") or configured.get("cert") or "/etc/ssl/certs/ca-certificates.crt")
    certificates = bundle.read_bytes() if bundle.is_file() else b""
    if certificates:
        lines.append("cert = /registry/certificates.crt")
    (REGISTRY_FOLDER / "certificates.crt").write_bytes(certificates)
    (REGISTRY_FOLDER / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))


# In pip's own words, whatever of its many files and variables they come from.
READ_PIP_CONFIG = """
import json
from pip._internal.configuration import Configuration
settings = Configuration(isolated=False)
settings.load()
print(json.dumps({key.split(".", 1)[-1]: value for key, value in settings.items()
                  if key.split(".", 1)[0] in ("global", "install", ":env:")}))
"""


def load(names: list[str]) -> None:
    """Into every node; pods use them with imagePullPolicy IfNotPresent."""
    cluster.require()
    (kind,) = tools("kind").values()
    wanted = names or [NAME, EXAMPLES_NAME]
    absent = [name for name in wanted if not succeeds("docker", "image", "inspect", name, seconds=30)]
    if absent:
        raise Failed(f"The engine has no image {', '.join(absent)}. Build it first: `make image`.")
    run(kind, "load", "docker-image", "--name", places.CLUSTER, *wanted, env=cluster.without_proxy(), seconds=300)
