from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from live_stack import LiveStack, clean_environment, live_stack

from taskjob.cli.app import invoke


class Ran:
    """What one command line left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


Run = Callable[..., Ran]


class _Stream(io.TextIOWrapper):
    """A pipe, as far as a command can tell."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8", write_through=True)

    def text(self) -> str:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    with live_stack(tmp_path_factory.mktemp("cli_stack")) as running:
        yield running


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, and none of the settings of the person who runs the tests."""
    for name in list(os.environ):
        if name.startswith("TASKJOB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(stack: LiveStack, monkeypatch: pytest.MonkeyPatch) -> Run:
    """One command line, run in this process through the door that `main` uses."""
    monkeypatch.setenv("TASKJOB_SERVER", stack.url)

    def run(*arguments: str, stdin: str = "") -> Ran:
        out, err = _Stream(), _Stream()
        monkeypatch.setattr(sys, "stdin", _Stream(stdin.encode()))
        with redirect_stdout(out), redirect_stderr(err):
            code = invoke(arguments)
        return Ran(int(code), out.text(), err.text())

    return run


@pytest.fixture
def taskjob(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """One command line as a process of its own."""

    def run(*arguments: str, timeout: float = 60, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "taskjob.cli", *arguments],
            cwd=tmp_path,
            env=clean_environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
