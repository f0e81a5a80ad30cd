"""What a command line loads before it does anything: the help and completion must not wait for libraries."""

from __future__ import annotations

import subprocess
import sys

from live_stack import clean_environment

from taskjob.cli.app import COMMANDS

HEAVY = {"rich", "httpx2", "pydantic", "yaml", "fastapi", "uvicorn", "watchfiles", "taskjob_api", "taskjob_worker"}


def _loaded(*arguments: str, **variables: str) -> tuple[set[str], str]:
    program = (
        "import sys\nfrom taskjob.cli.app import invoke\ncode = invoke(sys.argv[1:])\n"
        "print(*sys.modules, file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stderr.split()), done.stdout


def test_help_imports_nothing_heavy() -> None:
    loaded, said = _loaded("--help")

    assert not HEAVY & loaded
    assert not {name for name in loaded if name.startswith("taskjob.cli.commands.")}
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in said
        assert line[:40] in " ".join(said.split())


def test_help_of_each_command_imports_that_command_only() -> None:
    """In one process, one after the other: what a command adds is itself."""
    program = (
        "import sys\nfrom taskjob.cli.app import COMMANDS, invoke\n"
        "for name in COMMANDS:\n    invoke([name, '--help'])\n"
        "    print(name, *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(), capture_output=True, text=True, check=True, timeout=60
    )

    seen = []
    for name, line in zip(COMMANDS, done.stderr.splitlines(), strict=True):
        told, *loaded = line.split()
        seen.append(f"taskjob.cli.commands.{name}")
        assert told == name
        assert not HEAVY & set(loaded), name
        assert sorted(one for one in loaded if one.startswith("taskjob.cli.commands.")) == sorted(seen)
        assert f"Usage: taskjob {name}" in done.stdout


def test_a_command_that_is_piped_imports_no_rich() -> None:
    loaded, _ = _loaded("version", "--server", "http://127.0.0.1:1")

    assert "rich" not in loaded
    assert "pydantic" not in loaded


def test_without_click_the_extra_is_named() -> None:
    program = "import sys\nsys.modules['click'] = None\nfrom taskjob.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "pip install 'taskjob[cli]'" in done.stderr


def test_without_the_server_the_extra_is_named() -> None:
    program = "import sys\nsys.modules['uvicorn'] = None\nfrom taskjob.cli.app import run\nrun(['api', '--open'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "uvicorn is not installed" in done.stderr
    assert "pip install 'taskjob[api]'" in done.stderr
