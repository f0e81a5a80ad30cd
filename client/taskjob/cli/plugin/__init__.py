"""`kubectl taskjob`: the same command line, which finds the api, a token and the namespace through kubectl.

Verbs that a custom resource can say need nothing but the kubeconfig; the others reach the api by port-forward.
"""

from __future__ import annotations

import sys


def main() -> None:
    """The `kubectl-taskjob` command: any program of that name on the PATH is `kubectl taskjob`."""
    _need_click()
    from taskjob.cli.plugin.app import run  # noqa: PLC0415 - needs Click

    run(sys.argv[1:])


def complete() -> None:
    """The `kubectl_complete-taskjob` command: kubectl asks it what may follow the words so far."""
    _need_click()
    from taskjob.cli.plugin.app import print_completions  # noqa: PLC0415

    print_completions(sys.argv[1:])


def _need_click() -> None:
    try:
        import click  # noqa: F401, PLC0415 - the base install has no command line
    except ModuleNotFoundError:
        sys.stderr.write("error: the command line is not installed\nnext: pip install 'taskjob[cli]'\n")
        raise SystemExit(2) from None
