"""kind, kubectl and helm: the machine's own where the version fits, else built from their Go modules into the cache."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import places
from commands import Failed, environment, run, say
from go_toolchain import go
from locks import cache, locked

# What `go build` is told, from within the module of PROGRAMS.
PACKAGES = {
    "kind": "sigs.k8s.io/kind",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "helm": "helm.sh/helm/v3/cmd/helm",
    "node": "./node",
    "coredns": "./coredns",
    "pause": "./pause",
}
# This one's own requirements clash with those of the others, so it is built with its own.
LOCAL_PATH_PROVISIONER = "github.com/rancher/local-path-provisioner@v0.0.30"

VERSION_QUESTION = {
    "kind": ("version",),
    "kubectl": ("version", "--client"),
    "helm": ("version", "--short"),
}


def folder() -> Path:
    return places.CACHE / f"tools-{places.key(places.PROGRAMS)}"


def tools(*names: str) -> dict[str, Path]:
    """Each tool by name. Those that are missing are built together, so that they share what they have in common."""
    found = {name: on_path(name) or folder() / name for name in names}
    if not all(path.exists() for path in found.values()):
        with locked(cache()):
            build([name for name, path in found.items() if not path.exists()])
    return found


def on_path(name: str) -> Path | None:
    """The machine's tool, if it fits: kind as pinned (its node image must fit), kubectl within one minor version of
    the cluster, helm 3."""
    program = shutil.which(name) if name in VERSION_QUESTION else None
    if not program:
        return None
    try:
        answer = run(program, *VERSION_QUESTION[name], seconds=30)
    except Failed:
        return None
    found = re.search(r"v(\d+)\.(\d+)\.(\d+)", answer)
    if not found:
        return None
    if name == "kind":
        fits = found[0] == places.version("sigs.k8s.io/kind")
    elif name == "kubectl":
        minor = int(places.version("k8s.io/kubernetes").split(".")[1])
        fits = found[1] == "1" and abs(int(found[2]) - minor) <= 1
    else:
        fits = found[1] == "3"
    return Path(program) if fits else None


def build(names: list[str]) -> None:
    if not names:
        return  # another set-up has built them while we waited
    target = folder()
    target.mkdir(parents=True, exist_ok=True)
    say(f"Building {', '.join(names)} (minutes the first time; kept in {target})")
    env = environment(CGO_ENABLED="0", GOFLAGS="-buildvcs=false", GOTOOLCHAIN="auto")
    compiler = go()
    packages = [PACKAGES[name] for name in names if name in PACKAGES]
    partly = target / f"partly-{os.getpid()}"
    partly.mkdir()
    try:
        if packages:
            command: list[str | Path] = [
                compiler,
                "build",
                "-trimpath",
                "-ldflags",
                link_flags(),
                "-o",
                f"{partly}/",
                *packages,
            ]
            run(*command, cwd=places.PROGRAMS, env=env, seconds=2400)
        if "local-path-provisioner" in names:
            env["GOBIN"] = str(partly)
            run(compiler, "install", "-trimpath", "-ldflags", "-s -w", LOCAL_PATH_PROVISIONER, env=env, seconds=1200)
        for program in partly.iterdir():
            program.rename(target / program.name)
    finally:
        shutil.rmtree(partly)


def link_flags() -> str:
    """Without symbols; the Kubernetes version is set at link time, or every component says v0.0.0."""
    kubernetes = places.version("k8s.io/kubernetes")
    major, minor = kubernetes.removeprefix("v").split(".")[:2]
    facts = {
        "gitVersion": kubernetes,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    flags = ["-s", "-w"]
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        flags += [f"-X {package}.{name}={value}" for name, value in facts.items()]
    return " ".join(flags)
