"""Payload shapes: what each kind of function accepts, and the field that a refusal names."""

import dataclasses
from typing import Any, TypedDict

import msgspec
import pytest

from taskjob.context import Context
from taskjob.payload import InvalidPayloadError, bind


@dataclasses.dataclass
class Resize:
    path: str
    width: int = 640


class Crop(msgspec.Struct):
    sizes: list[int]


class Named(TypedDict):
    name: str


def whole_dataclass(job: Resize, context: Context) -> None: ...
def whole_struct(job: Crop) -> None: ...
def whole_typed_dict(job: Named) -> None: ...
def whole_dict(payload: dict[str, Any]) -> None: ...
def spread(path: str, width: int = 640, *, tags: list[str] | None = None, context: Context) -> None: ...
def nothing() -> None: ...
def anything(**fields: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "raw", "expected"),
    [
        (whole_dataclass, b'{"path":"a"}', {"job": Resize("a")}),
        (whole_struct, b'{"sizes":[1,2]}', {"job": Crop([1, 2])}),
        (whole_typed_dict, b'{"name":"x"}', {"job": {"name": "x"}}),
        (whole_dict, b'{"a":{"b":1}}', {"payload": {"a": {"b": 1}}}),
        (spread, b'{"path":"a","tags":["t"]}', {"path": "a", "width": 640, "tags": ["t"]}),
        (nothing, b"{}", {}),
        (anything, b'{"a":1}', {"a": 1}),
        (spread, b'{"type":"demo","path":"a"}', {"path": "a", "width": 640, "tags": None}),
        (nothing, b'{"type":"demo"}', {}),
    ],
)
def test_a_payload_becomes_arguments(function, raw, expected):
    assert bind(function, "demo").arguments(raw) == expected


@pytest.mark.parametrize(
    ("function", "raw", "field"),
    [
        (whole_dataclass, b'{"path":1}', "/path"),
        (whole_dataclass, b"{}", "/path"),
        (whole_dataclass, b'{"path":"a","widht":3}', "/widht"),
        (whole_struct, b'{"sizes":[1,"x"]}', "/sizes/1"),
        (spread, b'{"path":"a","width":"wide"}', "/width"),
        (spread, b'{"width":1}', "/path"),
        (spread, b'{"path":"a","colour":1}', "/colour"),
        (nothing, b'{"type":"other"}', "/type"),
    ],
)
def test_a_refusal_names_the_field(function, raw, field):
    with pytest.raises(InvalidPayloadError) as caught:
        bind(function, "demo").arguments(raw)

    assert (caught.value.code, caught.value.field) == ("InvalidPayload", field)


def test_check_gives_the_json_object_of_a_typed_payload():
    assert bind(whole_dataclass, "demo").check(Resize("a", 3)) == {"path": "a", "width": 3}


@pytest.mark.parametrize("payload", [[1], "text", 3, {"path": object()}])
def test_check_refuses_what_is_no_json_object(payload):
    with pytest.raises(InvalidPayloadError):
        bind(whole_dict, "demo").check(payload)


def test_a_pydantic_model_is_validated_by_pydantic_and_names_its_field():
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", width=(int, ...))

    def resize(job): ...

    resize.__annotations__["job"] = model
    binding = bind(resize, "resize")

    assert binding.arguments(b'{"width":3}')["job"].width == 3
    assert binding.check(model(width=4)) == {"width": 4}
    with pytest.raises(InvalidPayloadError) as caught:
        binding.arguments(b'{"width":"wide"}')
    assert caught.value.field == "/width"


def test_a_parameter_that_json_cannot_fill_is_refused_in_words():
    def positional(a, /): ...

    def odd(value: memoryview | Context): ...

    with pytest.raises(TypeError, match="passable by keyword"):
        bind(positional, "positional")
    with pytest.raises(TypeError, match="odd"):
        bind(odd, "odd")
