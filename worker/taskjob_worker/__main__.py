"""Where `launch` goes: read the settings from the inherited file and run. People use `taskjob worker MODULE`."""

from __future__ import annotations

import os
import sys

import msgspec

from taskjob_worker import run
from taskjob_worker.settings import WorkerSettings


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0].isdigit():
        print("use: taskjob worker MODULE", file=sys.stderr)  # noqa: T201
        return 2
    with os.fdopen(int(arguments[0]), "rb") as file:
        settings = msgspec.json.decode(file.read(), type=WorkerSettings)
    return run(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
