"""Runs of mutants: each in a copy of the tree, the test that killed it last before all others.

A test is a killer only where it fails with the mutant alone, by itself, and passes without it.
"""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
COMPONENTS = ("client", "engine", "api", "worker", "operator")
KILLERS = ROOT / "hack" / "mutant_killers.json"
TEST_SECONDS = 60
"""No test takes as long: a mutant that hangs is killed by the test that it hangs."""

_LINE = re.compile(r"(tests/\S+\.py(?:::.+?)?)(?: (?:PASSED|SKIPPED|FAILED|ERROR).*)?\Z")


@dataclass(frozen=True)
class Mutant:
    path: Path
    line: int
    start: int
    end: int
    before: str
    after: str
    tests: tuple[str, ...]
    name: str = ""

    @property
    def words(self) -> str:
        return f"{' '.join(self.before.split())}  →  {self.after}"

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.words}"


@dataclass(frozen=True)
class Verdict:
    passed: bool
    test: str = ""
    """The one that failed, or hung; empty where pytest could not say."""


class Killers:
    """Which test killed which mutant, kept over runs; forgotten where the test is gone."""

    def __init__(self) -> None:
        known = json.loads(KILLERS.read_text()) if KILLERS.exists() else {}
        self._known: dict[str, str] = {name: test for name, test in known.items() if _exists(test)}
        self._lock = threading.Lock()

    def of(self, mutant: Mutant) -> str:
        return self._known.get(mutant.name, "")

    def learn(self, mutant: Mutant, test: str) -> None:
        with self._lock:
            self._known[mutant.name] = test
            KILLERS.write_text(json.dumps(self._known, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _exists(test: str) -> bool:
    place, *names = test.split("[", maxsplit=1)[0].split("::")
    return (ROOT / place).is_file() and all(name in (ROOT / place).read_text() for name in names)


def copy_tree(into: Path) -> None:
    for name in (*COMPONENTS, "tests", "examples", "docs", "hack"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("*.db*"))
            compileall.compile_dir(into / name, quiet=2)
    for name in ("pyproject.toml", "README.md", "Makefile", "CHANGELOG.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, into / name)


def ask(tests: tuple[str, ...], tree: Path, seconds: float) -> Verdict:
    """Run the tests in the tree up to the first failure. A test that hangs counts as one: someone would notice."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(tree / name) for name in COMPONENTS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # a second less per mutant
        "TASKJOB_MUTANT": "1",
        "COLUMNS": "1000",  # names of tests stay whole
    }
    options = [
        "-x",
        "-v",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-p",
        "pytest_asyncio.plugin",
        "-m",
        "not uncovered",
    ]
    limits = ["-o", f"faulthandler_timeout={TEST_SECONDS}", "-o", "faulthandler_exit_on_timeout=true"]
    with (
        tempfile.TemporaryFile("w+") as told,
        subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *limits, *tests],
            cwd=tree,
            env=environment,
            stdout=told,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as running,
    ):
        try:
            code = running.wait(seconds)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
        told.seek(0)
        lines = (_LINE.match(line.rstrip()) for line in told)
        last = [found[1] for found in lines if found]
    return Verdict(code == 0, last[-1] if last else "")


def survives(mutant: Mutant, killers: Killers, tree: Path, seconds: float) -> bool:
    place = tree / mutant.path.relative_to(ROOT)
    original = place.read_bytes()
    place.write_bytes(original[: mutant.start] + mutant.after.encode() + original[mutant.end :])
    try:
        known = killers.of(mutant)
        if known and not ask((known,), tree, seconds).passed:
            return False
        for _ in range(2):
            verdict = ask(mutant.tests, tree, seconds)
            if verdict.passed:
                break
            # Only a test that fails again by itself is one: under load a test may fail for another reason.
            if verdict.test and not ask((verdict.test,), tree, seconds).passed:
                killers.learn(mutant, verdict.test)
                return False
            print(f"fails only in company: {verdict.test or 'no test named'}", flush=True)
        return True
    finally:
        place.write_bytes(original)


def run(chosen: list[Mutant], killers: Killers, *, jobs: int, seconds: float) -> tuple[list[Mutant], list[str]]:
    """Survivors, and tests that killed a mutant but fail without one as well."""
    with tempfile.TemporaryDirectory(prefix="taskjob-mutants-") as name:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            tree = Path(name) / str(number)
            tree.mkdir()
            copy_tree(tree)
            trees.put(tree)

        def one(mutant: Mutant) -> bool:
            tree = trees.get()
            try:
                lives = survives(mutant, killers, tree, seconds)
            finally:
                trees.put(tree)
            print(f"{'SURVIVED' if lives else 'killed'}  {mutant}", flush=True)
            return lives

        with ThreadPoolExecutor(jobs) as pool:
            verdicts = list(pool.map(one, chosen))
        unproven = _failing(sorted({killers.of(mutant) for mutant in chosen} - {""}), tree, seconds)
    return [mutant for mutant, lives in zip(chosen, verdicts, strict=True) if lives], unproven


def _failing(tests: list[str], tree: Path, seconds: float) -> list[str]:
    if not tests or ask(tuple(tests), tree, 10 * seconds).passed:
        return []
    return [test for test in tests if not ask((test,), tree, seconds).passed]
