"""Runs one `taskjob` command as a child of `taskjob dev`, and never longer than its parent.

Its standard input is a pipe that only the supervisor holds open. When that ends, the supervisor is gone, however
it went, and this process stops as if asked to: gracefully first, then at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

ORPHAN_GRACE_SECONDS = 10.0


def main() -> None:
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    from taskjob.cli.app import run  # noqa: PLC0415 - the watch starts before anything slow

    run(sys.argv[1:])


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
