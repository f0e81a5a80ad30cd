"""YAML as a cluster would read it, without its traps: several documents, bounded size, depth and aliases.

Values are built from parser events with our own stack, so that hostile nesting costs nothing, and every pointer
remembers its line. Plain scalars follow YAML 1.1 as `kubectl` does; those that surprise people (`no`, `on`,
`010`) are refused with the line, and times stay strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from taskjob.errors import InvalidError, TooLargeError
from taskjob.spec.limits import pointer

MAX_YAML_BYTES = 4 * 1024 * 1024
MAX_YAML_DEPTH = 64
MAX_YAML_NODES = 500_000
MAX_ALIASES = 1_000

# A newer libyaml has a bound of its own, which it may meet while it looks ahead and before we see an event.
_TOO_DEEP = f"nested deeper than {MAX_YAML_DEPTH} levels"

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = re.compile(r"(~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_TRAP = re.compile(r"(y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF)\Z")
_ODD_NUMBER = re.compile(
    r"[-+]?(0[0-7_]+|0o[0-7]+|0x[0-9a-fA-F_]+|0b[01_]+|[0-9][0-9_]*_[0-9_]*|\.(inf|Inf|INF))\Z|\.(nan|NaN|NAN)\Z"
)


@dataclass(frozen=True, kw_only=True)
class YamlDocument:
    """One document of a stream. `lines` maps JSON pointers to line numbers from 1."""

    value: Any
    line: int
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, where: str | None) -> int:
        """The line of the pointer, or of its nearest parent."""
        while where:
            if where in self.lines:
                return self.lines[where]
            where = where.rpartition("/")[0]
        return self.line


class InvalidYamlError(InvalidError):
    """`line` counts from 1."""

    def __init__(self, detail: str, *, line: int, hint: str | None = None) -> None:
        super().__init__(f"line {line}: {detail}", hint=hint)
        self.line = line


def read_yaml(text: str | bytes) -> Iterator[YamlDocument]:
    """The documents of a stream, without the empty ones. Raises `InvalidYamlError` or `TooLargeError`."""
    size = len(text)
    if size > MAX_YAML_BYTES:
        raise TooLargeError(
            f"the file is {size} bytes; at most {MAX_YAML_BYTES} are read at once", hint="split the file"
        )
    builder = _Builder()
    try:
        for event in yaml.parse(text, _LOADER):
            finished = builder.feed(event)
            if finished is not None and finished.value is not None:
                yield finished
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        problem = _TOO_DEEP if "nesting depth" in (error.problem or "") else error.problem
        raise InvalidYamlError(problem or "not YAML", line=line) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidYamlError(f"not YAML text: {error}".splitlines()[0], line=1) from None


@dataclass
class _Frame:
    """A collection under construction; in a mapping, `key` waits for its value."""

    value: Any
    path: str
    anchor: str | None
    nodes_before: int = 0
    key: str | None = None
    merged: list[dict[str, Any]] = field(default_factory=list)


class _Builder:
    def __init__(self) -> None:
        self._reset(1)

    def _reset(self, line: int) -> None:
        self._line = line
        self._frames: list[_Frame] = []
        self._anchors: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._lines: dict[str, int] = {}
        self._nodes = 0
        self._aliases = 0
        self._root: Any = None

    def feed(self, event: Any) -> YamlDocument | None:
        line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self._reset(line)
            case yaml.DocumentEndEvent():
                return YamlDocument(value=self._root, line=self._line, lines=self._lines)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close(line)
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.AliasEvent():
                self._alias(event.anchor, line)
        return None

    def _open(self, event: Any, line: int) -> None:
        if event.tag is not None and event.tag not in {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}:
            raise InvalidYamlError(f"the tag {event.tag} is not read", line=line)
        if len(self._frames) >= MAX_YAML_DEPTH:
            raise InvalidYamlError(_TOO_DEEP, line=line)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        path = self._place(line)
        self._frames.append(_Frame({} if is_mapping else [], path, event.anchor, self._nodes))
        self._count(1, line)

    def _close(self, line: int) -> None:
        frame = self._frames.pop()
        for merged in frame.merged:
            frame.value.update({key: value for key, value in merged.items() if key not in frame.value})
        self._add(frame.value, line, anchor=frame.anchor, size=self._nodes - frame.nodes_before)

    def _scalar(self, event: Any, line: int) -> None:
        frame = self._frames[-1] if self._frames else None
        plain = event.tag is None and event.implicit[0]
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            self._key(frame, event.value, line, plain=plain)
            return
        self._place(line)
        self._count(1, line)
        if event.tag not in {None, "!", "tag:yaml.org,2002:str"}:
            raise InvalidYamlError(f"the tag {event.tag} is not read", line=line)
        self._add(_resolve(event.value, line) if plain else event.value, line, anchor=event.anchor)

    def _key(self, frame: _Frame, name: str, line: int, *, plain: bool) -> None:
        if plain and not isinstance(_resolve(name, line), str):
            raise InvalidYamlError(f"the key {name} is not a string", line=line, hint=f'quote it: "{name}"')
        if name in frame.value:
            raise InvalidYamlError(f"the key {name!r} stands here twice", line=line)
        frame.key = name

    def _alias(self, anchor: Any, line: int) -> None:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise InvalidYamlError(f"more than {MAX_ALIASES} aliases", line=line)
        if anchor not in self._anchors:
            raise InvalidYamlError(f"the alias *{anchor} has no anchor before it", line=line)
        self._place(line)
        self._count(self._sizes[anchor], line)
        self._add(self._anchors[anchor], line)

    def _place(self, line: int) -> str:
        """The pointer of the value that begins here."""
        if not self._frames:
            return ""
        frame = self._frames[-1]
        if isinstance(frame.value, dict):
            if frame.key is None:
                raise InvalidYamlError("a key must be a string", line=line)
            path = frame.path + pointer(frame.key)
        else:
            path = frame.path + pointer(len(frame.value))
        self._lines[path] = line
        return path

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_YAML_NODES:
            raise InvalidYamlError(f"more than {MAX_YAML_NODES} values, aliases unfolded", line=line)

    def _add(self, value: Any, line: int, *, anchor: str | None = None, size: int = 1) -> None:
        if anchor is not None:
            self._anchors[anchor] = value
            self._sizes[anchor] = size
        if not self._frames:
            self._root = value
            return
        frame = self._frames[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key == "<<":
            frame.merged += _merge_sources(value, line)
            frame.key = None
        elif frame.key is not None:
            frame.value[frame.key] = value
            frame.key = None


def _merge_sources(value: Any, line: int) -> list[dict[str, Any]]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        raise InvalidYamlError("<< merges mappings only", line=line)
    return sources


def _resolve(text: str, line: int) -> Any:
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text[0] in "tT"
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    if _TRAP.match(text):
        raise InvalidYamlError(
            f"{text} means a boolean to YAML 1.1", line=line, hint=f'write true or false, or quote it: "{text}"'
        )
    if _ODD_NUMBER.match(text):
        raise InvalidYamlError(
            f"{text} is read differently by different tools",
            line=line,
            hint=f'write it in decimal, or quote it: "{text}"',
        )
    return text
