"""The body of the worker process, right after the guardian made it: tasks, logging, loop; to its exit status."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import socket
import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

import taskjob
from taskjob.decorator import Task
from taskjob.errors import TaskJobError
from taskjob.registry import load, registry
from taskjob.wire.messages import ProcessIdentity
from taskjob.wire.worker_identity import Identity
from taskjob_worker.board import Board
from taskjob_worker.delivery import TaskLogHandler
from taskjob_worker.parent_death import die_with_parent
from taskjob_worker.settings import WorkerSettings
from taskjob_worker.supervisor import EXIT_CONFIG, Supervisor


def work(settings: WorkerSettings, guardian: socket.socket, board: Board, parent: int) -> int:
    """Run until drained. The guardian's signals were ignored here before the fork returned."""
    die_with_parent(parent)
    guardian.setblocking(False)  # noqa: FBT003 - socket
    _configure_logging(settings.log_level)
    try:
        tasks = _load(settings)
        identity = Identity(
            worker=settings.display_name(),
            queues=settings.queues,
            tasks=tuple(tasks),
            slots=settings.concurrency,
            namespace=settings.namespace,
            version=_version(),
            process=process_identity(),
        )
        return asyncio.run(_main(settings, identity, tasks, guardian, board))
    except TaskJobError as error:
        sys.stderr.write(f"error: {error.detail}\n{user_frames(error.__cause__)}next: {error.hint or _ADVICE}\n")
        return EXIT_CONFIG
    finally:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()


async def _main(
    settings: WorkerSettings,
    identity: Identity,
    tasks: dict[str, Task[..., Any] | None],
    guardian: socket.socket,
    board: Board,
) -> int:
    return await Supervisor(settings, identity, tasks, guardian, board).run()


def _load(settings: WorkerSettings) -> dict[str, Task[..., Any] | None]:
    """Every task by name, None for a command. Signatures are read now, so that a bad one is told at start."""
    for module in settings.modules:
        load(module)
    tasks: dict[str, Task[..., Any] | None] = {}
    for task in registry:
        try:
            task.binding  # noqa: B018 - read for its refusal
        except TypeError as error:
            raise TaskJobError(str(error)) from error
        tasks[task.name] = task
    for name in settings.commands:
        if name in tasks:
            raise TaskJobError(f"{name!r} is both a task and a command")
        tasks[name] = None
    if not tasks:
        raise TaskJobError(
            f"no tasks in {', '.join(settings.modules)}", hint="decorate a function: from taskjob import task; @task"
        )
    return tasks


def user_frames(fault: BaseException | None) -> str:
    """The traceback of a module that failed while it was imported, from its own first line on; empty where no line
    of it ran."""
    if fault is None:
        return ""
    told = traceback.TracebackException.from_exception(fault)
    told.stack = traceback.StackSummary.from_list(
        [frame for frame in told.stack if not frame.filename.startswith(_FOREIGN_TO_USERS)]
    )
    if told.stack:
        return "".join(told.format())
    return "".join(told.format_exception_only()) if isinstance(fault, SyntaxError) else ""


_FOREIGN_TO_USERS = ("<frozen ", *(f"{Path(str(of.__file__)).parent}{os.sep}" for of in (importlib, taskjob)))
_ADVICE = "mend it, then start the worker again"


def _configure_logging(level: str) -> None:
    stderr = logging.StreamHandler()
    stderr.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[stderr, TaskLogHandler()], force=True)
    for chatty in ("httpx2", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def process_identity() -> ProcessIdentity | None:
    """None where the kernel does not tell (macOS)."""
    try:
        stat = Path("/proc/self/stat").read_text(encoding="utf-8")
        return ProcessIdentity(
            host=Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
            pid_namespace=Path("/proc/self/ns/pid").stat().st_ino,
            pid=os.getpid(),
            started=int(stat.rpartition(")")[2].split()[19]),
        )
    except OSError:
        return None


def _version() -> str:
    return version("taskjob")


def ignore_signals() -> None:
    """The guardian decides. Handlers that do nothing, not SIG_IGN: programs that tasks start must get the default."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
