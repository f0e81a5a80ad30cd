"""Print what the named extras of pyproject.toml install, so that an image can have that in a layer of its own.

An extra may name others of the project: `taskjob[spec]`. Extras that do not exist are an error.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = tomllib.loads(Path(__file__).with_name("pyproject.toml").read_text())["project"]


def requirements(extra: str) -> set[str]:
    found = set()
    for requirement in PROJECT["optional-dependencies"][extra]:
        own = re.fullmatch(rf"{PROJECT['name']}\[(.+)\]", requirement)
        found |= set().union(*map(requirements, own[1].split(","))) if own else {requirement}
    return found


def main(extras: list[str]) -> None:
    print("\n".join(sorted(set(PROJECT["dependencies"]).union(*map(requirements, extras)))))


if __name__ == "__main__":
    main(sys.argv[1:])
