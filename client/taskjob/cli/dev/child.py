"""Stands between `taskjob dev` and one command, so that the command never outlives the supervisor.

Its standard input is a pipe that only the supervisor holds open. When that ends, the supervisor is gone, however
it went, and the command is stopped: asked first, then killed with its process group. Signals and the exit status
are passed on. It works alike on Linux and macOS, and leaves the command a process without foreign threads.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

ORPHAN_GRACE_SECONDS = 10.0


def main() -> None:
    command = subprocess.Popen([sys.executable, "-m", "taskjob.cli", *sys.argv[1:]], stdin=subprocess.DEVNULL)  # noqa: S603

    def pass_on(number: int, _frame: FrameType | None) -> None:
        command.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, pass_on)
    threading.Thread(target=_end_with_supervisor, args=(command,), daemon=True).start()
    _end_like(command.wait())


def _end_with_supervisor(command: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1024):
        pass
    command.terminate()
    time.sleep(ORPHAN_GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def _end_like(status: int) -> None:
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main()
