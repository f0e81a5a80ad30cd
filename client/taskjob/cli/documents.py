"""Reading the documents that `-f` names: a file, a folder of them, or stdin. Validates; sends nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from taskjob.cli.applying import Source
from taskjob.errors import InvalidError, NotFoundError, TaskJobError
from taskjob.spec import InvalidYamlError, read_document, read_yaml, refuse_later_fields

_ENDINGS = (".yaml", ".yml", ".json")


def read_sources(names: Sequence[str]) -> list[Source]:
    """All documents of all names, valid. Raises at the first bad one, with its file and line; then nothing was sent."""
    sources = [source for name in names for path, text in _texts(name) for source in _documents(path, text)]
    if not sources:
        raise InvalidError(f"no document in {', '.join(names)}", hint="write TaskJob or TaskQueue objects into it")
    return sources


def _texts(name: str) -> Iterator[tuple[str, bytes]]:
    if name == "-":
        yield "stdin", sys.stdin.buffer.read()
        return
    path = Path(name)
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix in _ENDINGS and file.is_file())
        if not found:
            raise NotFoundError(f"the folder {name} holds no {', '.join(_ENDINGS)} file")
        for file in found:
            yield str(file), _read(file)
        return
    yield name, _read(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror}") from error


def _documents(path: str, text: bytes) -> Iterator[Source]:
    try:
        for document in read_yaml(text):
            try:
                if isinstance(document.value, dict):
                    refuse_later_fields(str(document.value.get("kind")), document.value.get("spec"))
                read_document(document.value)
            except TaskJobError as error:
                raise _placed(error, f"{path}, line {document.line_of(error.field)}") from error
            yield Source(f"{path}, line {document.line}", document.value)
    except InvalidYamlError as error:
        raise _placed(error, path) from error


def _placed(error: TaskJobError, where: str) -> TaskJobError:
    """The same error, told with the place where a person can mend it."""
    told = InvalidError(f"{where}: {error.detail}", field=error.field, hint=error.hint)
    told.code = error.code  # type: ignore[misc]  # the code is the class's; here it is carried over
    told.title = error.title  # type: ignore[misc]
    return told
