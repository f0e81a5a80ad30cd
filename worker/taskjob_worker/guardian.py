"""The parent of the worker process: small, never runs user code, and therefore always answers.

It forks the worker before any user module is imported, passes on signals, renews the worker's session while user
code keeps the worker from doing so, kills it (and every process group of its tasks) when its leases lapse, and
starts a new one after a crash. See docs/adr/0009-a-guardian-process.md.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import select
import signal
import socket
import sys
import time
from types import FrameType

from taskjob_worker.board import Board
from taskjob_worker.orders import DrainOrder, GroupNote, SessionNote, read_notes, send
from taskjob_worker.renewal import renew, tell_death
from taskjob_worker.settings import WorkerSettings

log = logging.getLogger("taskjob.worker")

LOOK_SECONDS = 0.25
FIRST_RESTART_SECONDS = 0.1
LONGEST_RESTART_SECONDS = 30.0
QUIET_SECONDS = 60.0
"""A worker that lived so long was healthy: its crash restarts the back-off."""

DEATH_SECONDS = 2.0
"""Longest time that the next worker waits for the news of the last one's death to be told."""

EXIT_RECYCLE = 75
FINAL_STATUSES = {0: 0, 77: 5, 78: 2}
"""How a worker process ends for good, and what the shell sees of it: the exit codes of `taskjob`."""


class Guardian:
    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._board = Board()
        self._signals = 0
        self._sent_orders = 0
        self._asked_at = 0.0
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)  # noqa: FBT003 - socket
        self._wake_write.setblocking(False)  # noqa: FBT003 - socket

    def run(self) -> int:
        """Keep a worker running until a signal says drain; the exit status of the last one."""
        handlers = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        wakeup = signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # `taskjob worker` holds it back until now
        try:
            return self._keep()
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _keep(self) -> int:
        pause = FIRST_RESTART_SECONDS
        while True:
            began = time.monotonic()
            status = _Ward(self, self._settings, self._board).run()
            if status in FINAL_STATUSES:
                return FINAL_STATUSES[status]
            if self._signals:
                return status if status >= 0 else 128 - status
            if status == EXIT_RECYCLE:
                continue
            if time.monotonic() - began > QUIET_SECONDS:
                pause = FIRST_RESTART_SECONDS
            _say(f"the worker process {_ended(status)}; starting another")
            self.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            pause = min(pause * 2, LONGEST_RESTART_SECONDS)
            if self._signals:
                return 0

    def sleep(self, seconds: float, *others: socket.socket) -> bool:
        """Wait for a signal, for `others` to be readable, or for the time; True if one of `others` is."""
        readable, _, _ = select.select([self._wake_read, *others], [], [], max(0.0, seconds))
        if self._wake_read in readable:
            with contextlib.suppress(BlockingIOError):
                self._wake_read.recv(4096)
        return any(other in readable for other in others)

    def pass_on_signals(self, ward: socket.socket) -> None:
        while self._sent_orders < self._signals:
            self._sent_orders += 1
            self._asked_at = self._asked_at or time.monotonic()
            with contextlib.suppress(OSError):
                send(ward, DrainOrder())

    @property
    def drain_over_at(self) -> float:
        """When a worker that was told to drain, and did not, is killed."""
        if not self._asked_at:
            return float("inf")
        settings = self._settings
        return self._asked_at + settings.drain_seconds + settings.grace_seconds + 10.0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1


class _Ward:
    """One life of the worker process."""

    def __init__(self, guardian: Guardian, settings: WorkerSettings, board: Board) -> None:
        self._guardian = guardian
        self._settings = settings
        self._board = board
        self._session: SessionNote | None = None
        self._groups: set[int] = set()
        self._rest = b""
        self._next_try = 0.0

    def run(self) -> int:
        """Fork, watch, reap; the status as of `os.waitstatus_to_exitcode`."""
        self._board.reset()
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _become_worker(self._settings, ours, theirs, self._board, parent)
        theirs.close()
        try:
            status = self._watch(pid, ours)
        finally:
            self._kill_groups()
            ours.close()
        # A worker that ends by itself has said its own goodbye.
        if status < 0 and self._session is not None:
            tell_death(self._settings, self._session.session, self._session.epoch, seconds=DEATH_SECONDS)
        return status

    def _watch(self, pid: int, link: socket.socket) -> int:
        killed = False
        while True:
            readable = self._guardian.sleep(LOOK_SECONDS, link)
            if readable:
                self._hear(link)
            status = _reap(pid)
            if status is not None:
                self._hear(link)
                return status
            self._guardian.pass_on_signals(link)
            now = time.monotonic()
            self._renew_if_silent(now)
            verdict = self._must_die(now)
            if verdict is not None and not killed:
                killed = True
                _say(f"{verdict}: killing the worker process")
                os.kill(pid, signal.SIGKILL)

    def _must_die(self, now: float) -> str | None:
        board, session = self._board, self._session
        if now >= self._guardian.drain_over_at:
            return "it did not end after its time to drain"
        if board.overdue_at and now >= board.overdue_at:
            return "a task blocks it far over its time-out"
        if session is not None and board.running and now >= self._renewed_at() + session.ttl_seconds:
            return "its leases lapsed while tasks still run"
        return None

    def _renewed_at(self) -> float:
        return max(self._board.worker_renewed_at, self._board.guardian_renewed_at)

    def _renew_if_silent(self, now: float) -> None:
        session = self._session
        if session is None:
            return
        patience = min(session.heartbeat_seconds + 2.0, session.ttl_seconds / 2)
        if now < self._board.worker_renewed_at + patience or now < self._next_try or not self._board.running:
            return
        if now < self._renewed_at() + patience / 2:
            return
        self._next_try = now + min(1.0, patience / 4)
        if renew(self._settings, session.session, session.epoch, seconds=min(3.0, session.ttl_seconds / 4)):
            self._board.guardian_renewed_at = now

    def _hear(self, link: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while data := link.recv(65536, socket.MSG_DONTWAIT):
                *lines, self._rest = (self._rest + data).split(b"\n")
                for note in read_notes(lines):
                    match note:
                        case SessionNote():
                            self._session = note
                        case GroupNote(alive=True):
                            self._groups.add(note.id)
                        case GroupNote():
                            self._groups.discard(note.id)

    def _kill_groups(self) -> None:
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


def _become_worker(
    settings: WorkerSettings, ours: socket.socket, theirs: socket.socket, board: Board, parent: int
) -> None:
    """In the child: never returns."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ours.close()
        from taskjob_worker.process import ignore_signals, work  # noqa: PLC0415 - asyncio and user code: not here

        ignore_signals()
        status = work(settings, theirs, board, parent)
    except BaseException:  # noqa: BLE001 - a fork must not run into its parent's code
        import traceback  # noqa: PLC0415 - rare

        traceback.print_exc()
    finally:
        os._exit(status)


def _reap(pid: int) -> int | None:
    """The status of `pid` once it ended. As the first process of a container, orphans are ours to reap too."""
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if ended == 0:
            return None
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _ended(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def _say(text: str) -> None:
    print(f"taskjob worker: {text}", file=sys.stderr, flush=True)  # noqa: T201
