"""The one terminal that supervisor, api and workers share: whole lines, each with who says it."""

from __future__ import annotations

import asyncio
import os
import sys

_COLOURS = {"api": "36", "worker": "35", "dev": "1"}
_LONGEST_LINE = 64 * 1024


class Console:
    def __init__(self) -> None:
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def say(self, text: str) -> None:
        """The supervisor's own words."""
        for line in text.splitlines():
            self.line("dev", line)

    def line(self, who: str, text: str) -> None:
        prefix = f"{who:<8}│"
        if self._coloured:
            prefix = f"\x1b[{_COLOURS[who.partition('-')[0]]}m{prefix}\x1b[0m"
        try:
            sys.stdout.write(f"{prefix} {text}\n")
            sys.stdout.flush()
        except (BrokenPipeError, BlockingIOError):
            pass  # nobody reads any more; the jobs go on

    async def pump(self, who: str, stream: asyncio.StreamReader) -> None:
        """Print a child's lines until it closes its end; a line without an end is cut, not kept in memory."""
        rest = b""
        while chunk := await stream.read(_LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self.line(who, line.decode(errors="replace").rstrip("\r"))
        if rest:
            self.line(who, rest.decode(errors="replace"))
