"""The Docker engine that kind's nodes and the project's images are made with: the one that answers, else one of ours.

Ours has its own folders, socket and containerd, so nothing of the machine's is touched; `leftovers` says what it adds
all the same and takes it away again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import footprint
import leftovers
import places
from commands import Failed, Missing, daemon, environment, run, say, succeeds
from locks import locked, machine

PACKAGES = {  # program → Debian package
    "dockerd": "docker.io",
    "docker": "docker.io",
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "nft": "nftables",
}
CAP_SYS_RESOURCE = 24
START_SECONDS = 60

CONTAINERD = """\
version = 2
root = "{data}/containerd"
state = "{state}/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{state}/containerd.sock"
[ttrpc]
  address = "{state}/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{data}/opt"
"""


def ensure() -> None:
    """After this, `docker` works in this process and those it starts, with DOCKER_HOST set if the engine is ours."""
    if use_ours() or succeeds("docker", "version", seconds=20):
        return
    refuse_where_none_can_run()
    with locked(machine()):
        install()
        if not use_ours():
            start()


def ensure_installed() -> None:
    """After this, an engine answers or `ensure` can start one."""
    if not use_ours() and not succeeds("docker", "version", seconds=20):
        refuse_where_none_can_run()
        with locked(machine()):
            install()


def use_ours() -> bool:
    """Whether an engine that this set-up started answers; from then on it is the one in use."""
    socket = places.engine_state() / "docker.sock"
    if not socket.exists():
        return False
    os.environ["DOCKER_HOST"] = f"unix://{socket}"
    if succeeds("docker", "version", seconds=20):
        return True
    del os.environ["DOCKER_HOST"]
    return False


def ours_exists() -> bool:
    return (places.engine_state() / "before.json").exists()


def refuse_where_none_can_run() -> None:
    where = f"DOCKER_HOST={os.environ['DOCKER_HOST']}" if "DOCKER_HOST" in os.environ else "the default socket"
    reasons = []
    if sys.platform != "linux":
        reasons.append("only on Linux can one be started from here")
    elif os.geteuid() != 0:
        reasons.append("only root can start one")
    elif not shutil.which("dockerd") and not shutil.which("apt-get"):
        reasons.append("there is no dockerd, and no apt-get to install it with")
    if reasons:
        raise Missing(
            f"No Docker engine answers at {where}, and {reasons[0]}. Start Docker, set DOCKER_HOST, "
            "or name any cluster of yours with TASKJOB_KUBECONFIG=/path/to/kubeconfig."
        )


def install() -> None:
    packages = sorted({package for program, package in PACKAGES.items() if not shutil.which(program)})
    if packages:
        apt_install(*packages)


def apt_install(*packages: str) -> None:
    """RUNLEVEL=1 keeps Debian from starting a service of the package, which nobody would stop again."""
    say(f"Installing {', '.join(packages)}")
    env = environment(DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1")
    run("apt-get", "update", "-q", env=env, seconds=300)
    run("apt-get", "install", "-q", "-y", "--no-install-recommends", *packages, env=env, seconds=600)


def start() -> None:
    state, data = places.engine_state(), places.engine_data()
    for folder in (state, data):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not ours_exists():  # what an earlier start that was killed saw is still what to restore
        written = state / "before.json.new"
        written.write_text(json.dumps(footprint.take(), indent=1))
        written.rename(state / "before.json")
    leftovers.end_processes(state)
    say("Starting a Docker engine")
    (state / "containerd.toml").write_text(CONTAINERD.format(state=state, data=data))
    containerd = state / "containerd.sock"
    daemon(["containerd", "--config", state / "containerd.toml"], state / "containerd.log")
    wait(lambda: succeeds("ctr", "--address", containerd, "version", seconds=10), state / "containerd.log")
    daemon(dockerd(state, data), state / "dockerd.log")
    wait(use_ours, state / "dockerd.log")
    empty()  # of what ran when an engine was killed


def dockerd(state: Path, data: Path) -> list[str | Path]:
    command: list[str | Path] = [
        "dockerd",
        *("--data-root", data / "docker", "--exec-root", state / "docker", "--pidfile", state / "docker.pid"),
        *("--host", f"unix://{state}/docker.sock", "--containerd", state / "containerd.sock"),
        *("--config-file", state / "none.json", "--cgroup-parent", leftovers.cgroup_parent(state)),
        *("--mtu", str(mtu())),
    ]
    (state / "none.json").write_text("{}")
    if not has_capability(CAP_SYS_RESOURCE):
        # A copy, since the engine may outlive this clone; not in the state folder, since /run may forbid programs.
        wrapper = shutil.copy(places.HERE / "runc-without-sys-resource.sh", data / "runc-narrow")
        command += ["--add-runtime", f"narrow={wrapper}", "--default-runtime", "narrow"]
    return command


def has_capability(number: int) -> bool:
    bounds = re.search(r"^CapBnd:\s*(\w+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return bounds is not None and bool(int(bounds[1], 16) >> number & 1)


def mtu() -> int:
    """Of the link that leads outside: a container whose packets are larger than that loses them on some networks."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        link, destination = line.split()[:2]
        if destination == "00000000":
            return int(Path(f"/sys/class/net/{link}/mtu").read_text())
    return 1500


def wait(answers: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if time.monotonic() > deadline:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"{log.stem} did not start within {START_SECONDS} s. The end of {log}:\n{end}")
        time.sleep(0.2)


def containers(*filters: str) -> list[str]:
    words = [word for one in filters for word in ("--filter", one)]
    return run("docker", "ps", "--all", "--quiet", *words, seconds=30).split()


def remove_containers(*filters: str) -> None:
    """Running or not, with their volumes."""
    if found := containers(*filters):
        run("docker", "rm", "--force", "--volumes", *found, seconds=400)


def empty() -> None:
    """Remove everything but the images. Only for an engine of ours."""
    remove_containers()
    run("docker", "network", "prune", "--force", seconds=60)
    run("docker", "volume", "prune", "--force", seconds=120)


def stop() -> None:
    """Stop an engine of ours, also one that was killed half-way, and restore the machine. Nothing if there is none."""
    if not ours_exists():
        return
    say("Stopping the Docker engine")
    state, data = places.engine_state(), places.engine_data()
    if use_ours():
        try:
            empty()
            run("docker", "image", "prune", "--force", seconds=120)
        except Failed as failure:
            say(f"{failure}\nRemoving what it runs without its help")
    leftovers.end_processes(state)
    leftovers.restore(json.loads((state / "before.json").read_text()), state, data)
    shutil.rmtree(state, ignore_errors=True)
    os.environ.pop("DOCKER_HOST", None)
