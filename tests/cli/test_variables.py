"""The settings page is true: every variable that the source reads stands there, and nothing that nobody reads."""

from __future__ import annotations

import re
from pathlib import Path

from taskjob_api.settings import ApiSettings, read_settings
from taskjob_operator.settings import OperatorSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/settings.md").read_text()
VARIABLE = re.compile(r"(?<![A-Z_])TASKJOB_[A-Z_]*[A-Z]\b")


def read_by_the_source() -> set[str]:
    sources = [path for part in ("client", "api", "worker", "operator") for path in (ROOT / part).rglob("*.py")]
    read = [path for path in sources if "resources" not in path.parts]  # those write variables into pods
    written = {name for path in read for name in VARIABLE.findall(path.read_text())}
    fields = {*ApiSettings.__struct_fields__, *OperatorSettings.__struct_fields__}
    return written | {f"TASKJOB_{name.upper()}" for name in fields}


def test_every_variable_is_documented_and_every_documented_one_is_read():
    assert set(VARIABLE.findall(PAGE)) == read_by_the_source()


def test_the_api_takes_no_documented_variable_for_a_typing_error():
    variables = dict.fromkeys(VARIABLE.findall(PAGE), "")

    assert read_settings(variables, auth="open")[1] == ()
