"""`python -m taskjob_api`: the api process, told by `TASKJOB_*` variables alone."""

from __future__ import annotations

import logging
import os
import sys

from taskjob.errors import TaskJobError
from taskjob_api.server import Addresses, run
from taskjob_api.settings import read_settings


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would tell of every review
    try:
        settings, unknown = read_settings(os.environ)
        for name in unknown:
            logging.getLogger("taskjob_api").warning("nobody reads %s: is it misspelt?", name)
        run(settings, on_ready=_announce)
    except TaskJobError as error:
        sys.stderr.write(f"error: {error.detail}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return 1
    return 0


def _announce(addresses: Addresses) -> None:
    sys.stdout.write(f"rest {addresses.rest}\ngateway {addresses.gateway}\n")
    if addresses.health is not None:
        sys.stdout.write(f"health {addresses.health}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
