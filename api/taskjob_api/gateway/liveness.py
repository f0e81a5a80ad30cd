"""Is a worker's process certainly gone? Answers only for processes of this very host and pid namespace.

A connection that breaks says little; a process that the kernel does not know any more says all.
"""

from __future__ import annotations

from pathlib import Path

from taskjob.wire.messages import ProcessIdentity

_PROC = Path("/proc")


class ProcessWatch:
    """`proc` is the process file system; where there is none (macOS), nothing is ever certain."""

    def __init__(self, proc: Path = _PROC) -> None:
        self._proc = proc
        self._host = self._read("sys/kernel/random/boot_id")
        self._pid_namespace = self._inode("self/ns/pid")

    def certainly_gone(self, process: ProcessIdentity | None) -> bool:
        """True only where the process was on this host and in this pid namespace, and has ended: no such pid, a
        zombie, or a pid that was given to a process started at another time."""
        if process is None or not self._host or not self._pid_namespace:
            return False
        if process.host != self._host or process.pid_namespace != self._pid_namespace:
            return False
        stat = self._read(f"{process.pid}/stat")
        if stat is None:
            return not (self._proc / str(process.pid)).exists()
        # The command name, in parentheses, may hold anything; fields 3 and 22 count from behind it.
        fields = stat.rpartition(")")[2].split()
        return fields[0] in {"Z", "X"} or int(fields[19]) != process.started

    def _read(self, name: str) -> str | None:
        try:
            return (self._proc / name).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None

    def _inode(self, name: str) -> int | None:
        try:
            return (self._proc / name).stat().st_ino
        except OSError:
            return None
