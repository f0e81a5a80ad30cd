"""`make mutants`: break every fence, one at a time, and see a test fail.

A fence is a comparison of a lease, a worker's identity (principal, session, the live session itself), an epoch, a
seq, a run, a revision, a version, an incarnation, a uid or a leader's identity, in a store, the rules, the
dispatcher, the gateway, the wire sessions or the operator. In Python each one is replaced by True and by False; in SQL
text it is made always true; a lookup by such a token finds whatever there is. Every mutant runs in a copy of the
tree: first the test that killed it last (`mutant_killers.json`, kept by each run), then all that its target names,
likely killers first; a mutant that no test kills is a survivor, and survivors fail the run.

What is no fence carries `# no fence: <why>` on its line; where only one word changes nothing, `# False: <why>` or
`# True: <why>`.

    python hack/mutants.py [--list] [--only TEXT] [--jobs 2]
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from mutant_runs import COMPONENTS, ROOT, Killers, Mutant, run

_TOKENS = (
    "lease|lease_id|principal|identity|session|session_id|epoch|seq|run|revision|version|incarnation|uid|cluster_id"
    "|namespace"
)
WORDS = re.compile(rf"(?:\w+_)?(?:{_TOKENS}|owner|ref)\Z")
SQL = re.compile(
    rf"(?P<column>(?<![\w.])(?:\w+\.)?(?:\w+_)?(?:{_TOKENS}|request_id)|session\.id|\w+ ->> 'clusterId')"
    r"\s*(?P<operator>=|<>|!=|<=|>=|<|>|IS NOT|IS|IN)\s*"
    r"(?P<right>\?\d*|:\w+|\w+\.\w+|\(SELECT value FROM json_each\(\?\d*\)\))"
)
_STORE = "tests/conformance"
_LEASES = [f"{_STORE}/test_{name}.py" for name in ("settle", "sessions", "lease", "witness", "changes")]
_FILES = [f"tests/integration/sqlite/test_{name}.py" for name in ("leases", "opening", "writer", "faults")]
_GATEWAY = [
    f"tests/gateway/test_{name}.py"
    for name in ("live", "resume", "connections", "liveness", "dispatch", "exchange", "http_door", "death", "refusals")
]
_DISPATCH = ["tests/unit/engine/test_waiting.py", "tests/engine/test_engine.py", "tests/gateway/test_dispatch.py"]
_MEMORY = ("-k", "not sqlite")
_OPERATOR = [
    f"tests/operator/test_{name}.py"
    for name in (
        "namesakes",
        "showing",
        "leadership",
        "writer",
        "retirement",
        "sweeper",
        "pool_watch",
        "queue_workers",
        "queues",
    )
]
TARGETS: dict[str, tuple[str, ...]] = {
    "engine/taskjob_engine/lifecycle": (*_MEMORY, "tests/unit/engine/lifecycle/test_fencing.py", *_LEASES, _STORE),
    "engine/taskjob_engine/policies": (*_MEMORY, *_LEASES, _STORE, "tests/unit/engine/policies"),
    "engine/taskjob_engine/stores/memory": (*_MEMORY, *_LEASES, _STORE),
    "engine/taskjob_engine/stores/sqlite": ("-k", "sqlite", *_LEASES, _STORE, *_FILES),
    "engine/taskjob_engine/engine.py": (*_MEMORY, "tests/engine"),
    "engine/taskjob_engine/witnesses.py": (*_MEMORY, "tests/engine/test_engine.py", "tests/engine"),
    "engine/taskjob_engine/reading.py": (*_MEMORY, "tests/engine"),
    "engine/taskjob_engine/dispatcher.py": (*_MEMORY, *_DISPATCH, *_GATEWAY),
    "engine/taskjob_engine/waiting.py": (*_MEMORY, *_DISPATCH, *_GATEWAY),
    "client/taskjob/wire/gateway_session.py": (*_MEMORY, *_GATEWAY),
    "client/taskjob/wire/message_limits.py": (*_MEMORY, "tests/gateway/test_refusals.py"),
    "client/taskjob/wire/worker_session.py": ("tests/unit/sdk/test_worker_session.py",),
    "api/taskjob_api/gateway": (*_MEMORY, *_GATEWAY),
    "api/taskjob_api/operator_door": (*_MEMORY, "tests/api/operator_door"),
    "operator/taskjob_operator": ("tests/unit/operator", *_OPERATOR, "tests/operator"),
}
"""Where fences stand, and whose tests are asked: likely killers first. Tests marked `uncovered` are never asked."""


NO_DICTS = {"self", "self.sessions", "self._waiting", "self._index", "self._specs"}
"""Classes of ours with a `get`: the dictionary inside is broken where it is looked into."""


def files(target: str) -> list[Path]:
    place = ROOT / target
    if place.is_file():
        return [place]
    return sorted([*place.rglob("*.py"), *place.rglob("*.sql")])


def mutants() -> Iterator[Mutant]:
    """All of them, each with a name that stays when lines move."""
    seen: Counter[str] = Counter()
    for mutant in _found():
        name = f"{mutant.path.relative_to(ROOT)}: {mutant.words}"
        seen[name] += 1
        yield replace(mutant, name=name if seen[name] == 1 else f"{name} #{seen[name]}")


def _found() -> Iterator[Mutant]:
    for target, tests in TARGETS.items():
        chosen = _in_order(tests)
        missing = [
            place
            for place in (target, *chosen)
            if place.startswith(("tests", *COMPONENTS)) and not (ROOT / place).exists()
        ]
        if missing:
            raise SystemExit(f"hack/mutants.py names what does not exist: {', '.join(missing)}")
        for path in files(target):
            text = path.read_text()
            yield from _in_sql(path, text, chosen)
            if path.suffix == ".py":
                yield from _in_python(path, text, chosen)


def _in_order(tests: tuple[str, ...]) -> tuple[str, ...]:
    """Options, then test files in the order of likelihood; pytest would sort what a folder holds anew."""
    options = tests[:2] if tests[0].startswith("-") else ()
    folders = tests[len(options) :]
    found = chain.from_iterable(sorted((ROOT / name).rglob("test_*.py")) or [ROOT / name] for name in folders)
    names = dict.fromkeys(str(path.relative_to(ROOT)) for path in found)
    return (*options, *names)


def _in_python(path: Path, text: str, tests: tuple[str, ...]) -> Iterator[Mutant]:
    encoded = text.encode()
    starts = [0]
    for line in encoded.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        replaced = list(_broken(node))
        if not replaced or "# no fence:" in lines[node.lineno - 1]:
            continue
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        source = encoded[start:end].decode()
        replaced = [word for word in replaced if f"# {word}:" not in lines[node.lineno - 1]]
        for after in replaced:
            yield Mutant(path, node.lineno, start, end, source, after, tests)


def _broken(node: ast.AST) -> Iterator[str]:
    """What may stand in place of a fence; nothing where the node is none."""
    match node:
        case ast.Compare(left=left, ops=operators, comparators=sides):
            if any(isinstance(side, ast.Constant) and side.value is None for side in sides):
                return
            is_identity = isinstance(operators[0], ast.Is | ast.IsNot) and isinstance(sides[0], ast.Name)
            is_constant = isinstance(sides[0], ast.Name) and sides[0].id.isupper()
            is_held = isinstance(sides[0], ast.Attribute) and sides[0].attr in {"held", "_held"}
            if is_held or (is_identity and not is_constant) or any(map(_is_fence, [left, *sides])):
                yield from ("True", "False")
        case ast.Call(func=ast.Attribute(attr="compare_digest")):
            yield from ("True", "False")
        case ast.Call(func=ast.Attribute(value=mapping, attr="get" | "pop" as verb), args=[key, *_]) if _is_lookup(
            mapping, key
        ):
            found = ast.unparse(mapping)
            first = f"next(iter({found}), None)"
            yield f"{found}.get({first})" if verb == "get" else f"{found}.pop({first}, None)"


def _is_lookup(mapping: ast.expr, key: ast.expr) -> bool:
    is_mapping = isinstance(mapping, ast.Name | ast.Attribute) and ast.unparse(mapping) not in NO_DICTS
    return is_mapping and _is_fence(key)


def _is_fence(side: ast.expr) -> bool:
    """Whether what is compared is itself a fencing token, not merely something that belongs to one."""
    match side:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return WORDS.match(name) is not None
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return _is_fence_in_json(name)
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return _is_fence_in_json(name)
        case ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return any(map(_is_fence, parts))
        case _:
            return False


def _is_fence_in_json(name: str) -> bool:
    return WORDS.match(re.sub("(?=[A-Z])", "_", name).lower()) is not None


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=600.0, help="after which tests have shown nothing")
    options = parser.parse_args()
    chosen = [mutant for mutant in mutants() if options.only in str(mutant)]
    if options.list:
        print("\n".join(map(str, chosen)))
        return 0
    started = time.monotonic()
    survivors, unproven = run(chosen, Killers(), jobs=options.jobs, seconds=options.seconds)
    killed = len(chosen) - len(survivors)
    minutes = (time.monotonic() - started) / 60
    print(f"{len(chosen)} mutants, {killed} killed, {len(survivors)} survived, {minutes:.1f} min")
    for mutant in survivors:
        print(f"survivor: {mutant}")
    for test in unproven:
        print(f"fails without any mutant too, so it kills none: {test}")
    return 1 if survivors or unproven else 0


if __name__ == "__main__":
    sys.exit(main())
