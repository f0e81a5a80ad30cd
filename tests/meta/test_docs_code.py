"""Code and commands in the docs name things that exist."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import click
import pytest

from taskjob.cli.app import root

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
GENERATED = re.compile(r"<!-- generated.*?<!-- end generated -->", re.DOTALL)
COMMAND = re.compile(r"(?:^|`)taskjob ((?:[a-z]+ ?)(?:[^`\n]*))", re.MULTILINE)

PYTHON_BLOCKS = [(page, source) for page in PAGES for source in PYTHON.findall(page.read_text())]
COMMANDS = sorted({line.strip() for page in PAGES for line in COMMAND.findall(GENERATED.sub("", page.read_text()))})


@pytest.mark.parametrize(("page", "source"), PYTHON_BLOCKS, ids=lambda value: getattr(value, "name", ""))
def test_python_in_the_docs_imports_what_exists(page: Path, source: str) -> None:
    missing = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(source, filename=str(page)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("taskjob")
        for alias in node.names
        if not hasattr(importlib.import_module(node.module or ""), alias.name)
    ]

    assert [] == missing


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_in_the_docs_exist_with_their_options(line: str) -> None:
    words = line.split()
    command: click.Command = root
    context = click.Context(root)
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command, context = found, click.Context(found, parent=context)
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}

    assert [] == [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]


def test_the_test_of_the_quickstart_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [source for page, source in PYTHON_BLOCKS if page.name == "quickstart.md" and "Client" not in source]
    (tmp_path / "quickstart_blocks.py").write_text("\n\n".join(blocks))
    monkeypatch.syspath_prepend(tmp_path)

    module = importlib.import_module("quickstart_blocks")

    module.test_a_report_has_its_pages()
