"""`make mutants`: break every fence, one at a time, and see a test fail.

A fence is a comparison of a lease, a worker's identity (principal, session), an epoch, a seq, a run, a revision,
a version or an incarnation, in a store, the dispatcher, the gateway or the wire sessions. In Python each one is
replaced by True and by False; in SQL text it is made always true. Every mutant runs in a copy of the tree;
a mutant that no test kills is a survivor, and survivors fail the run.

A comparison that is no fence carries `# no fence: <why>` on its line.

    python hack/mutants.py [--list] [--only TEXT] [--jobs 2]
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
COMPONENTS = ("client", "engine", "api", "worker")
WORDS = re.compile(
    r"(?:\w+_)?(?:lease|lease_id|principal|session|session_id|epoch|seq|run|revision|version|incarnation|uid)\Z"
)
SQL = re.compile(
    r"(?P<column>(?:\w+\.)?(?:lease|lease_id|principal|session|session_id|epoch|seq|run|revision|version|incarnation))"
    r"\s*(?P<operator>=|<>|!=|<=|>=|<|>|IS NOT|IS)\s*(?P<right>\?\d*|:\w+|\w+\.\w+)"
)
STORE_TESTS = ["tests/conformance"]
GATEWAY_TESTS = ["tests/gateway"]
WORKER_TESTS = ["tests/unit/sdk", "tests/worker", "tests/gateway"]
TARGETS: dict[str, list[str]] = {
    "engine/taskjob_engine/lifecycle": ["tests/unit/engine", *STORE_TESTS],
    "engine/taskjob_engine/stores/memory": STORE_TESTS,
    "engine/taskjob_engine/stores/sqlite": [*STORE_TESTS, "tests/integration/sqlite"],
    "engine/taskjob_engine/dispatcher.py": [*GATEWAY_TESTS, "tests/engine"],
    "client/taskjob/wire/gateway_session.py": GATEWAY_TESTS,
    "client/taskjob/wire/worker_session.py": WORKER_TESTS,
    "api/taskjob_api/gateway": GATEWAY_TESTS,
}


@dataclass(frozen=True)
class Mutant:
    path: Path
    line: int
    start: int
    end: int
    before: str
    after: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {' '.join(self.before.split())}  →  {self.after}"


def files(target: str) -> list[Path]:
    place = ROOT / target
    if place.is_file():
        return [place]
    return sorted([*place.rglob("*.py"), *place.rglob("*.sql")])


def mutants() -> Iterator[Mutant]:
    for target, tests in TARGETS.items():
        missing = [place for place in (target, *tests) if not (ROOT / place).exists()]
        if missing:
            raise SystemExit(f"hack/mutants.py names what does not exist: {', '.join(missing)}")
        for path in files(target):
            text = path.read_text()
            yield from _in_sql(path, text, tuple(tests))
            if path.suffix == ".py":
                yield from _in_python(path, text, tuple(tests))


def _in_python(path: Path, text: str, tests: tuple[str, ...]) -> Iterator[Mutant]:
    encoded = text.encode()
    starts = [0]
    for line in encoded.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Compare) or "# no fence:" in lines[node.lineno - 1]:
            continue
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        source = encoded[start:end].decode()
        against_none = any(isinstance(side, ast.Constant) and side.value is None for side in node.comparators)
        if against_none or not any(map(_is_fence, [node.left, *node.comparators])):
            continue
        for constant in ("True", "False"):
            yield Mutant(path, node.lineno, start, end, source, constant, tests)


def _is_fence(side: ast.expr) -> bool:
    """Whether what is compared is itself a fencing token, not merely something that belongs to one."""
    match side:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return WORDS.match(name) is not None
        case ast.Tuple(elts=parts):
            return any(map(_is_fence, parts))
        case _:
            return False


def _in_sql(path: Path, text: str, tests: tuple[str, ...]) -> Iterator[Mutant]:
    lines = text.splitlines()
    for found in SQL.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        content = lines[line - 1]
        before = text[: found.start()].rstrip().lower()
        assigned = before.endswith(("set", ",")) and found["operator"] == "="
        marked = "# no fence:" in content or "-- no fence:" in content
        if marked or assigned or (path.suffix == ".py" and not _inside_string(text, found.start())):
            continue
        start, end = len(text[: found.start()].encode()), len(text[: found.end()].encode())
        yield Mutant(path, line, start, end, found[0], f"(1 OR {found[0]})", tests)


def _inside_string(text: str, position: int) -> bool:
    line = text[: text.find("\n", position)].count("\n") + 1
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            within = node.lineno <= line <= (node.end_lineno or node.lineno)
            if within and re.search(r"\b(select|update|delete|insert|where|from)\b", node.value, re.IGNORECASE):
                return True
    return False


def copy_tree(into: Path) -> None:
    for name in (*COMPONENTS, "tests", "examples", "docs", "hack"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__", "*.db*"))
    for name in ("pyproject.toml", "README.md", "Makefile", "CHANGELOG.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, into / name)


def survives(mutant: Mutant, tree: Path, seconds: float) -> bool:
    """Whether all tests of the mutant's place still pass. A hang counts as killed: someone would notice."""
    place = tree / mutant.path.relative_to(ROOT)
    original = place.read_bytes()
    place.write_bytes(original[: mutant.start] + mutant.after.encode() + original[mutant.end :])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(tree / name) for name in COMPONENTS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_DATABASE_FILE": str(tree / ".hypothesis"),
        "TASKJOB_MUTANT": "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests],
            cwd=tree,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    else:
        return done.returncode == 0
    finally:
        place.write_bytes(original)


def run(chosen: list[Mutant], jobs: int, seconds: float) -> list[Mutant]:
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
                lives = survives(mutant, tree, seconds)
            finally:
                trees.put(tree)
            print(f"{'SURVIVED' if lives else 'killed'}  {mutant}", flush=True)
            return lives

        with ThreadPoolExecutor(jobs) as pool:
            verdicts = list(pool.map(one, chosen))
    return [mutant for mutant, lives in zip(chosen, verdicts, strict=True) if lives]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=240.0, help="after which a mutant counts as killed by a hang")
    options = parser.parse_args()
    chosen = [mutant for mutant in mutants() if options.only in str(mutant)]
    if options.list:
        print("\n".join(map(str, chosen)))
        return 0
    survivors = run(chosen, options.jobs, options.seconds)
    print(f"{len(chosen)} mutants, {len(chosen) - len(survivors)} killed, {len(survivors)} survived")
    for mutant in survivors:
        print(f"survivor: {mutant}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
