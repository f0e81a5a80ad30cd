"""A stranger's first hour: README's shell blocks, run verbatim in an empty folder from a fresh clone.

A block after `<!-- keeps running -->` is what the reader leaves open in a second terminal: it is started in the
background and its api awaited. Nothing else is added to what the README says.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"(?P<mark><!-- keeps running -->\n)?```shell\n(?P<body>.*?)```", re.DOTALL)
PORTS = (8080, 8081)
LONGEST_SECONDS = 600
LONGEST_WAIT_FOR_PORTS_SECONDS = 60
CLONED = re.search(r"git clone (\S+)", README)

BACKGROUND = """
set -m
{{
{body}}} & background=$!
set +m
trap 'kill -- -$background; wait $background || true' EXIT
for _ in $(seq 300); do curl -sf -o /dev/null localhost:8080/readyz && break; sleep 0.2; done
curl -sf -o /dev/null localhost:8080/readyz
"""


def script() -> str:
    """All blocks as one bash script that stops at the first command that fails."""
    blocks = [
        BACKGROUND.format(body=block["body"]) if block["mark"] else block["body"] for block in BLOCK.finditer(README)
    ]
    return "\n".join(["set -eu", *blocks])


def busy_ports() -> list[int]:
    busy = []
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                busy.append(port)
    return busy


def cannot_run() -> str | None:
    missing = [program for program in ("git", "curl", "make", "bash") if shutil.which(program) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    deadline = time.monotonic() + LONGEST_WAIT_FOR_PORTS_SECONDS
    while (busy := busy_ports()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return f"ports in use: {busy}" if busy else None


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A new user's: an empty home, no virtual environment; only pip's cache is kept, and the clone comes from here."""
    assert CLONED, "README says how to get the code"
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[url "file://{ROOT}"]\n\tinsteadOf = {CLONED[1]}\n[safe]\n\tdirectory = *\n')
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TASKJOB_", "COVERAGE_", "VIRTUAL_ENV", "VENV", "MAKE", "MFLAGS", "PYTHON", "GIT_"))
    }
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return {**inherited, "HOME": str(home), "XDG_CACHE_HOME": cache, "TERM": "dumb"}


@pytest.mark.uncovered
def test_every_shell_block_of_the_readme_works(tmp_path: Path, environment: dict[str, str]) -> None:
    if (reason := cannot_run()) is not None:
        pytest.skip(reason)
    empty = tmp_path / "empty"
    empty.mkdir()

    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(
            ["bash", "-c", script()],
            cwd=empty,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    assert 0 == process.returncode, (tmp_path / "output").read_text()[-6000:]


def test_the_readme_names_both_commands() -> None:
    assert "make demo\n" in script()
    assert "`make test`" in README


def test_every_python_block_of_the_readme_compiles() -> None:
    for number, source in enumerate(re.findall(r"```python\n(.*?)```", README, re.DOTALL), 1):
        compile(source, f"README.md, Python block {number}", "exec")
