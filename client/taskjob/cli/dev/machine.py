"""Whether `taskjob dev` can run here. Imports nothing that another system lacks."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from taskjob.errors import InvalidError, NotYetSupportedError

_NEEDED = ("fastapi", "uvicorn", "uvloop", "watchfiles")


def check_machine() -> None:
    """Refuse, in words, a system that was never tried and an installation that lacks a part."""
    if sys.platform != "darwin" and not sys.platform.startswith("linux"):
        raise NotYetSupportedError(
            f"`taskjob dev` runs on Linux and macOS, not on {sys.platform}", hint="use WSL, a container or a cluster"
        )
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise InvalidError(f"not installed: {', '.join(missing)}", hint="pip install 'taskjob[dev]'")
