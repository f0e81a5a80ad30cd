"""The worker: runs tasks under leases. Its door is `taskjob worker MODULE`, which calls `run` or `launch`.

Nothing heavy is imported here: what the guardian imports, every process of the worker carries.
"""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from taskjob_worker.settings import CommandSettings, WorkerSettings

__all__ = ["CommandSettings", "WorkerSettings", "launch", "run"]


def run(settings: WorkerSettings) -> int:
    """Work until SIGTERM or SIGINT, drain, and return the exit status. On the main thread of a process without
    other threads: it forks."""
    from taskjob_worker.guardian import Guardian  # noqa: PLC0415 - see above

    _forget_token()
    return Guardian(settings.validated()).run()


def launch(settings: WorkerSettings) -> NoReturn:
    """As `run`, in place of the current process and in a fresh interpreter, so that nothing a command line tool
    imported weighs on the worker. The settings travel in a file without a name: a token is never in argv."""
    import msgspec  # noqa: PLC0415 - see above

    with _nameless_file() as file:
        file.write(msgspec.json.encode(settings.validated()))
        file.flush()
        file.seek(0)
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003
        _forget_token()
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, "-m", "taskjob_worker", str(file.fileno())])  # noqa: S606


def _nameless_file() -> IO[bytes]:
    """In memory where the system can: a pod's disk may be read-only."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("taskjob-settings"), "w+b")
    import tempfile  # noqa: PLC0415 - see above

    return tempfile.TemporaryFile()


def _forget_token() -> None:
    """The settings carry it; tasks and what they start would inherit it from here."""
    os.environ.pop("TASKJOB_TOKEN", None)


def __getattr__(name: str) -> object:
    if name in {"CommandSettings", "WorkerSettings"}:
        from taskjob_worker import settings  # noqa: PLC0415 - lazy on purpose

        return getattr(settings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
