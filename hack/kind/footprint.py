"""What a machine looks like to an administrator: the lists that a set-up must leave as it found them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

Footprint = dict[str, list[str]]

CGROUPS = Path("/sys/fs/cgroup")
FOLDERS = ("/lib/modules", "/var/run/docker", "/etc/docker/key.json")
COUNTERS = re.compile(r" ?\[\d+:\d+\]")
SETTINGS = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/bridge/bridge-nf-call-iptables")


def take() -> Footprint:
    """Each list sorted; counters are left out."""
    return {
        "processes": processes(),
        "links": links(),
        "namespaces": namespaces(),
        "mounts": mounts(),
        "rules": rules("iptables-save") + rules("ip6tables-save"),
        "cgroups": cgroups(),
        "settings": settings(),
        "folders": [folder for folder in FOLDERS if Path(folder).exists()],
    }


def added(before: Footprint, after: Footprint) -> Footprint:
    """What is there now and was not before, by list; and what has gone, with a minus sign."""
    changed = {}
    for name, present in after.items():
        old = before.get(name, [])
        difference = [line for line in present if line not in old] + [f"-{line}" for line in old if line not in present]
        if difference:
            changed[name] = difference
    return changed


def processes() -> list[str]:
    """`PID NAME` of every process but threads of the kernel and our own family, which changes as we look."""
    ours = set()
    pid = os.getpid()
    while pid > 0:
        ours.add(pid)
        pid = parent(pid)
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        number = int(folder.name)
        if number in ours or parent(number) == 2 or number == 2 or os.getpid() == parent(number):
            continue
        try:
            found.append(f"{number} {(folder / 'comm').read_text().strip()}")
        except OSError:
            continue  # ended while we looked
    return sorted(found)


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0


def links() -> list[str]:
    return sorted(path.name for path in Path("/sys/class/net").iterdir() if path.is_symlink())


def namespaces() -> list[str]:
    """Network namespaces that a process or a mount holds."""
    held = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            held.add(str(link.readlink()))
        except OSError:
            continue
    return sorted(held)


def mounts() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(f"{line.split()[4]} {line.split(' - ')[1].split()[0]}" for line in lines)


def rules(save: str) -> list[str]:
    """Rules, chains with their policies and tables of one address family."""
    try:
        said = subprocess.run([save], capture_output=True, text=True, timeout=30, check=False).stdout
    except FileNotFoundError:
        return []
    table, found = "", []
    for line in said.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith((":", "-")):
            found.append(f"{save.removesuffix('-save')} -t {table} {COUNTERS.sub('', line)}")
    return sorted(found)


def cgroups() -> list[str]:
    return sorted(str(path) for path in CGROUPS.rglob("*") if path.is_dir() and not path.is_symlink())


def settings() -> list[str]:
    found = []
    for name in SETTINGS:
        path = Path("/proc/sys") / name
        if path.exists():
            found.append(f"{name}={path.read_text().strip()}")
    return found
