"""Rules that every source file keeps: names, lengths, and constructs that are never safe here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPONENTS = ("client", "engine", "api", "worker", "operator")
SHIPPED = sorted(path for part in COMPONENTS for path in (ROOT / part).rglob("*.py"))
EVERYTHING = sorted(
    path
    for part in (*COMPONENTS, "benchmarks", "examples", "hack", "tests")
    for path in (ROOT / part).rglob("*.py")
    if "__pycache__" not in path.parts
)

LONGEST = 400
BANNED_MODULE_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "types", "logging", "base"}
BANNED_IN_CLASS_NAMES = re.compile(r"Manager|Helper|Util|^Base|Abstract")
BANNED_IMPORTS = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
BANNED_CALLS = {"eval", "exec", "compile", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "pickle.loads"}
ENVIRONMENT_READERS = re.compile(
    r"/(settings|target|__main__)\.py$|/cli/|/executors/commands\.py$|taskjob_worker/__init__\.py$"
)
"""Settings, the client's choice of a server, entry points; and where a program is given an environment of its own, or
the worker takes its token out of its."""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or attribute chain, else the empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def banned_constructs(tree: ast.Module) -> list[str]:
    """Line and name of each construct that executes data or hands it to a shell."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names if alias.name in BANNED_IMPORTS]
        elif isinstance(node, ast.ImportFrom) and node.module in BANNED_IMPORTS:
            found.append((node.lineno, node.module))
        elif isinstance(node, ast.Call):
            if dotted(node.func) in BANNED_CALLS:
                found.append((node.lineno, dotted(node.func)))
            if any(
                keyword.arg == "shell"
                and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
                for keyword in node.keywords
            ):
                found.append((node.lineno, "shell="))
            if dotted(node.func).endswith("create_subprocess_shell"):
                found.append((node.lineno, dotted(node.func)))
    return [f"line {line}: {name}" for line, name in found]


@pytest.mark.parametrize(
    "source", ["import pickle", "eval('1')", "yaml.load(f)", "run('x', shell=True)", "os.system('x')"]
)
def test_the_ban_sees_what_it_bans(source: str) -> None:
    assert 1 == len(banned_constructs(ast.parse(source)))


@pytest.mark.parametrize("path", SHIPPED, ids=relative)
def test_no_banned_constructs(path: Path) -> None:
    assert [] == banned_constructs(tree_of(path))


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [] == [relative(path) for path in EVERYTHING if path.stem.strip("_") in BANNED_MODULE_NAMES]


def test_no_class_has_a_name_that_says_nothing() -> None:
    classes = [
        (relative(path), node.name)
        for path in SHIPPED
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
    ]

    assert [] == [found for found in classes if BANNED_IN_CLASS_NAMES.search(found[1])]


def test_no_file_is_longer_than_a_room() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in EVERYTHING}

    assert {} == {path: lines for path, lines in lengths.items() if lines > LONGEST}


def test_every_module_opens_with_what_it_is_responsible_for() -> None:
    """Tests say it in their names."""
    written = [path for path in EVERYTHING if path.read_text().strip() and ROOT / "tests" not in path.parents]

    assert [] == [relative(path) for path in written if not ast.get_docstring(tree_of(path))]


def test_the_environment_is_read_in_one_kind_of_place() -> None:
    """Settings travel as values: only settings modules, entry points and the command line look at `os.environ`."""
    readers = [
        relative(path)
        for path in SHIPPED
        if any(
            dotted(node) in {"os.environ", "os.getenv"}
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.expr)
        )
    ]

    assert [] == [path for path in readers if not ENVIRONMENT_READERS.search(path)]


def test_what_is_left_out_of_the_coverage_says_why() -> None:
    """`# pragma: no cover - reason`. (That a silenced rule names its code is the linter's own rule.)"""
    bare = re.compile(r"#\s*pragma:\s*no (cover|branch)(?! - )")

    assert [] == [
        f"{relative(path)}:{number}"
        for path in SHIPPED
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line)
    ]
