"""The YAML reader: several documents, lines in errors, no traps, no bombs."""

from __future__ import annotations

import pytest

from taskjob.errors import InvalidError, TooLargeError
from taskjob.spec import InvalidYamlError, read_yaml


def only(text: str | bytes) -> object:
    [document] = read_yaml(text)
    return document.value


def test_several_documents_know_their_lines():
    first, second = read_yaml("a: 1\n---\n# nothing\n---\nb:\n  c:\n  - x\n  - {d: 2}\n")

    assert (first.value, second.value) == ({"a": 1}, {"b": {"c": ["x", {"d": 2}]}})
    assert second.line_of("/b/c/1/d") == 8
    assert second.line_of("/b/c/7/unknown") == 7
    assert first.line_of(None) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 2026-11-23T06:00:00Z", "2026-11-23T06:00:00Z"),
        ("a: 2026-11-23", "2026-11-23"),
        ("a: 12:30:45", "12:30:45"),
        ("a: 1e3", 1000.0),
        ("a: -7", -7),
        ("a: .5", 0.5),
        ("a: 1.", 1.0),
        ("a: 1.2.3", "1.2.3"),
        ("a: True", True),
        ("a: ~", None),
        ("a:", None),
        ("a: 'no'", "no"),
        ('a: "010"', "010"),
        ("a: !!str 5", "5"),
        ("a: |\n  two\n  lines\n", "two\nlines\n"),
        ("a: &x [1]\n", [1]),
    ],
)
def test_scalars_mean_what_they_mean_in_a_cluster(text, value):
    assert only(text) == {"a": value}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: no", 2, "boolean"),
        ("on: 1", 1, "boolean"),
        ("a: y", 1, "boolean"),
        ("a: 010", 1, "different tools"),
        ("a: 0x1F", 1, "different tools"),
        ("a: 1_000", 1, "different tools"),
        ("a: .inf", 1, "different tools"),
        ("a: .nan", 1, "different tools"),
        ("a: 1\na: 2", 2, "twice"),
        ("1: x", 1, "not a string"),
        ("? [a]\n: b", 1, "key must be a string"),
        ("a: &x\n  b: *x", 2, "no anchor"),
        ("a: *x", 1, "no anchor"),
        ("a: !!python/object:os.system x", 1, "tag"),
        ("a: !mine {b: 1}", 1, "tag"),
        ("a: 'x", 1, "unexpected end"),
        ("a: 1\n- b", 2, "expected"),
        ("a: {<<: 5}", 1, "merges mappings"),
    ],
)
def test_traps_and_mistakes_are_refused_with_their_line(text, line, words):
    with pytest.raises(InvalidYamlError) as caught:
        list(read_yaml(text))

    assert caught.value.line == line
    assert words in caught.value.detail
    assert caught.value.detail.startswith(f"line {line}: ")


def test_anchors_and_merges_are_read():
    assert only("base: &b {v: 1, w: 2}\njob: {<<: *b, w: 3}\nboth: {<<: [*b, {z: 4}]}") == {
        "base": {"v": 1, "w": 2},
        "job": {"v": 1, "w": 3},
        "both": {"v": 1, "w": 2, "z": 4},
    }


def test_aliases_cannot_explode():
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )

    with pytest.raises(InvalidYamlError, match="aliases unfolded"):
        list(read_yaml(bomb))


def test_aliases_are_counted():
    with pytest.raises(InvalidYamlError, match="1000 aliases"):
        list(read_yaml("a: &a 1\nb: [" + "*a, " * 1001 + "]"))


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_hostile_nesting_is_refused(text):
    with pytest.raises(InvalidYamlError, match="64 levels"):
        list(read_yaml(text))


def test_size_is_bounded():
    with pytest.raises(TooLargeError):
        list(read_yaml("a" * (4 * 1024 * 1024 + 1)))


@pytest.mark.parametrize("raw", [b"\xff\xfe\xfa", b"a: \x00", b"a: \xff"])
def test_what_is_not_text_is_refused(raw):
    with pytest.raises(InvalidError):
        list(read_yaml(raw))
