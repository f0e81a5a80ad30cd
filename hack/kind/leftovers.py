"""What a Docker engine adds to a machine beyond its own folders, and how each kind of it is taken away.

Each function removes only what can be told to be ours (by its name, or because it was not there before), works after
any part of an engine was killed, and can be repeated.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shlex
import signal
import time
from pathlib import Path

from commands import MARK, say, succeeds
from footprint import Footprint, cgroups, links, mounts, rules

DOCKERS_RULE = re.compile(r"DOCKER|docker0|\bbr-[0-9a-f]{12}\b|172\.(1[7-9]|2\d|3[01])\.")
GRACE_SECONDS = 15


def cgroup_parent(state: Path) -> str:
    """A cgroup of our own for all containers, so that they can be found, ended and removed whatever else was killed."""
    return f"taskjob-{hashlib.sha256(str(state).encode()).hexdigest()[:8]}"


def restore(before: Footprint, state: Path, data: Path) -> None:
    remove_mounts(state, data)
    remove_cgroups(cgroup_parent(state))
    remove_links(before)
    remove_rules(before)
    restore_settings(before)
    for folder in ("/lib/modules", "/var/run/docker"):
        if folder not in before["folders"]:
            remove_empty_folders(Path(folder))
    if "/etc/docker/key.json" not in before["folders"]:
        Path("/etc/docker/key.json").unlink(missing_ok=True)


def end_processes(state: Path) -> None:
    """First the engine and its containerd are asked, then what still runs is killed, containers included."""
    asked = started_for(state)
    for pid in asked:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in asked if not is_shim(pid)):
        time.sleep(0.1)
    while (rest := started_for(state) | contained(state)) and time.monotonic() < deadline + GRACE_SECONDS:
        for pid in rest:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    if rest:
        say(f"These processes do not end: {sorted(rest)}")


def is_shim(pid: int) -> bool:
    """A container's shim outlives containerd on purpose."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith("containerd-shim")
    except OSError:
        return False


def started_for(state: Path) -> set[int]:
    """Processes whose environment says that this set-up started them; zombies have none."""
    mark = f"{MARK}={state}".encode()
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes().split(b"\0"):
                found.add(int(path.parent.name))
        except OSError:
            continue
    return found - {os.getpid()}


def own_cgroups(parent: str) -> list[Path]:
    """Below every hierarchy, the deepest first."""
    return [Path(path) for path in reversed(cgroups()) if parent in Path(path).parts]


def contained(state: Path) -> set[int]:
    found = set()
    for folder in own_cgroups(cgroup_parent(state)):
        with contextlib.suppress(OSError):
            found |= {int(pid) for pid in (folder / "cgroup.procs").read_text().split()}
    return found - {0}


def remove_cgroups(parent: str) -> None:
    for folder in own_cgroups(parent):
        for _ in range(50):
            try:
                folder.rmdir()
            except FileNotFoundError:
                break
            except OSError:  # a process in it is still ending
                time.sleep(0.1)
            else:
                break


def remove_mounts(*folders: Path) -> None:
    for line in sorted(mounts(), reverse=True):
        target = Path(line.rsplit(" ", 1)[0])
        if any(target.is_relative_to(folder) for folder in folders):
            succeeds("umount", "--lazy", target, seconds=30)


def remove_links(before: Footprint) -> None:
    for name in links():
        if name not in before["links"] and (name == "docker0" or re.fullmatch(r"br-[0-9a-f]{12}|veth[0-9a-f]+", name)):
            succeeds("ip", "link", "delete", name, seconds=30)


def remove_rules(before: Footprint) -> None:
    """Rules that name Docker's chains, bridges or networks, then the chains, then a policy it changed, then the tables
    that were not there before and are empty now."""
    for save in ("iptables-save", "ip6tables-save"):
        program = save.removesuffix("-save")
        ours = [line for line in rules(save) if line not in before["rules"]]
        for line in ours:
            _, _, table, rule = line.split(" ", 3)
            if rule.startswith("-A") and DOCKERS_RULE.search(rule):
                delete_rule(program, table, rule)
        for line in ours:
            _, _, table, rule = line.split(" ", 3)
            chain, policy = rule.lstrip(":").split(" ")[:2]
            if rule.startswith(":DOCKER"):
                succeeds(program, "-w", "-t", table, "-F", chain, seconds=30)
                succeeds(program, "-w", "-t", table, "-X", chain, seconds=30)
            elif rule.startswith(":") and policy == "DROP" and chain == "FORWARD":
                succeeds(program, "-w", "-t", table, "-P", chain, "ACCEPT", seconds=30)
        remove_empty_tables(save, before)


def delete_rule(program: str, table: str, rule: str) -> None:
    succeeds(program, "-w", "-t", table, "-D", *shlex.split(rule)[1:], seconds=30)


def remove_empty_tables(save: str, before: Footprint) -> None:
    program = save.removesuffix("-save")
    family = "ip6" if program == "ip6tables" else "ip"
    present = rules(save)
    for table in {line.split(" ")[2] for line in present}:
        prefix = f"{program} -t {table} "
        lines = [line.removeprefix(prefix) for line in present if line.startswith(prefix)]
        was_there = any(line.startswith(prefix) for line in before["rules"])
        if not was_there and all(line.startswith(":") and line.endswith(" ACCEPT") for line in lines):
            succeeds("nft", "delete", "table", family, table, seconds=30)


def restore_settings(before: Footprint) -> None:
    for line in before["settings"]:
        name, value = line.split("=", 1)
        with contextlib.suppress(OSError):
            (Path("/proc/sys") / name).write_text(value)


def remove_empty_folders(top: Path) -> None:
    if top.is_dir():
        for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            top.rmdir()
