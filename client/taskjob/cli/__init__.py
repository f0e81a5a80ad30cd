"""The command line. One small file per command under `commands/`, imported only when that command runs.

`--help` and completion import Click and nothing else that is heavy: no rich, no httpx2, no pydantic.
The command line speaks to the server through `taskjob.client` alone.
"""

from __future__ import annotations

import sys


def main() -> None:
    """The `taskjob` command."""
    try:
        import click  # noqa: F401, PLC0415 - the base install has no command line
    except ModuleNotFoundError:
        sys.stderr.write("error: the command line is not installed\nnext: pip install 'taskjob[cli]'\n")
        raise SystemExit(2) from None
    from taskjob.cli.app import run  # noqa: PLC0415 - needs Click

    run()
