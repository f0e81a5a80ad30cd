"""What kubectl prints, held against a file: ages, times, names of pods and the like are replaced by a word."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

WRITE = "TASKJOB_WRITE_GOLDEN"
"""Set it to write what was seen into the files, and then read them as a user would."""

_VOLATILE = (
    (r"(?!2030-01-01)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\b[0-9a-f]{32}\b", "JOB-ID"),
    (r"(Duration|Oldest|Oldest Age Seconds):( +)\S+", r"\1:\2SPAN"),
    (r"taskqueue-(\w+)-[0-9a-z]{8,10}-[0-9a-z]{5}\b", r"taskqueue-\1-POD"),
    (r"(Resource Version|Generation|Revision|Observed Generation):( +)\d+", r"\1:\2N"),
    (r"(Incarnation):( +)\S+", r"\1:\2INCARNATION"),
)
_AGE = re.compile(r"(?<![\w.-])(<(?=\d))?(\d+d)?(\d+h)?(\d+m)?(\d+(\.\d+)?m?s)?(?![\w.-])")


def steady(text: str, **names: str) -> str:
    """`text` as it is every time. Each of `names` is replaced by its key in capitals."""
    for word, name in names.items():
        text = text.replace(name, word.upper())
    for pattern, word in _VOLATILE:
        text = re.sub(pattern, word, text)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def columns(text: str, **names: str) -> str:
    """The same of a table, whose columns are as wide as their longest cell happens to be."""
    shown = _AGE.sub(lambda found: "AGE" if found[0] else "", steady(text, **names))
    return re.sub(r" {2,}", "   ", shown)


def same_as(path: Path, text: str) -> None:
    if os.environ.get(WRITE):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    wanted = path.read_text()
    difference = difflib.unified_diff(wanted.splitlines(), text.splitlines(), path.name, "seen", lineterm="")
    assert wanted == text, "\n".join(difference)
