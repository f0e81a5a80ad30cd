"""What strangers wrote reaches a terminal as text: no command of it may act there, and none may hide."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
import yaml
from live_stack import LiveStack

from taskjob.cli import output

CLEAR_SCREEN = "\x1b[2J"
TITLE = "\x9d0;owned\x9c"
REVERSED = "\u202eexe.cod\u2069"
HOSTILE = f"{CLEAR_SCREEN}{TITLE}{REVERSED}\x7f\x08é✓"


def acting(text: str) -> set[str]:
    """Characters that a terminal obeys, or that turn what is read."""
    return {char for char in text if unicodedata.category(char) in {"Cc", "Cf"}} - {"\n"}


@pytest.fixture(scope="module")
def job(stack: LiveStack) -> Any:
    return stack.finished("fail", message=HOSTILE, fields={"retry": {"maxAttempts": 1}})


@pytest.mark.parametrize(
    "words",
    [
        "describe job {}",
        "get job {}",
        "get job {} -o wide",
        "get job {} -o json",
        "get job {} -o yaml",
        "wait job/{} --for completed --timeout 1s",
        "dlq list",
        "rerun {} --bogus=" + REVERSED,
    ],
)
def test_no_command_lets_a_jobs_words_act(run: Any, job: Any, words: str) -> None:
    ran = run(*words.format(job.id).split(" "))

    assert ran.out + ran.err
    assert acting(ran.out + ran.err) == set(), ran


def test_what_is_hidden_is_shown_and_the_rest_stays(run: Any, job: Any) -> None:
    shown = run("describe", "job", job.id).out

    assert r"\u001b[2J\u009d0;owned\u009c\u202eexe.cod\u2069\u007f\u0008é✓" in shown


def test_json_and_yaml_keep_every_character(run: Any, job: Any) -> None:
    (as_json,) = json.loads(run("get", "job", job.id, "-o", "json").out)
    as_yaml = yaml.safe_load(run("get", "job", job.id, "-o", "yaml").out)

    assert as_json["payload"]["message"] == HOSTILE
    assert as_yaml["spec"]["payload"]["message"] == HOSTILE


def test_a_log_keeps_its_lines_and_tabs_and_nothing_else(run: Any, stack: LiveStack) -> None:
    once = {"retry": {"maxAttempts": 1}}
    job = stack.finished("fail", message=f"a\tb\n{HOSTILE}\r\n", fields=once)

    for words in (["logs", job.id], ["logs", job.id, "--follow"]):
        log = run(*words).out
        assert "a\tb\n" in log
        assert acting(log) == {"\t"}


def test_a_cell_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(["NAME"], [["one\nforged  row"], ["tab\there"]])

    assert capsys.readouterr().out.splitlines() == ["NAME", r"one\u000aforged  row", r"tab\u0009here"]


def test_warnings_and_notes_are_text_too(capsys: pytest.CaptureFixture[str]) -> None:
    output.warn(HOSTILE)
    output.note(HOSTILE)

    assert acting(capsys.readouterr().err) == set()
