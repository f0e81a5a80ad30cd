"""docs/reference/operator-protocol.md is true: its calls are made against a real server, over a socket."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx2
import msgspec
import pytest

from taskjob.wire import operator_messages
from taskjob_api.operator_door.routes import OperatorDoor
from taskjob_api.server import running
from taskjob_api.settings import ApiSettings

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "operator-protocol.md").read_text(encoding="utf-8")
EXCHANGES = re.findall(r"```call\nPOST /operator/v1/(\S+)\n(.*?)\n\n(\d+)\n(.*?)\n```", PAGE, re.DOTALL)
IDENTIFIER = re.compile(r"[0-9a-f]{32}")
MOMENTS = {"createdAt", "readyAt", "leasedAt", "startedAt", "finishedAt", "expiresAt", "cancelRequestedAt", "now"}
"""What is another at each run: times of the store's clock, and what grows with it."""


async def test_the_calls_go_as_written(tmp_path):
    settings = ApiSettings(
        auth="open", store=f"sqlite:///{tmp_path}/taskjob.db", artifacts=str(tmp_path / "a"), port=0, gateway_port=0
    )
    real: dict[str, str] = {}
    async with running(settings) as api, httpx2.AsyncClient(base_url=api.addresses.rest, timeout=60) as client:
        for call, request, status, reply in EXCHANGES:
            body = IDENTIFIER.sub(lambda found: real.get(found[0], found[0]), request)
            answer = await client.post(f"/operator/v1/{call}", json=json.loads(body))

            assert answer.status_code == int(status), answer.text
            assert fits(json.loads(reply), answer.json(), real), f"{call}\npage:  {reply}\nreal:  {answer.text}"


def fits(page, real, bound) -> bool:
    """Ids on the page stand for the real ones: bound where first heard."""
    if isinstance(page, dict):
        return (
            isinstance(real, dict)
            and page.keys() == real.keys()
            and all(key in MOMENTS | {"version", "requestId"} or fits(page[key], real[key], bound) for key in page)
        )
    if isinstance(page, list):
        return isinstance(real, list) and len(page) == len(real) and all(map(fits, page, real, [bound] * len(page)))
    if isinstance(page, str) and IDENTIFIER.fullmatch(page):
        return bound.setdefault(page, real) == real
    return page == real


def test_the_page_shows_every_call_of_the_door():
    shown = {call for call, *_ in EXCHANGES}
    door = OperatorDoor(None, ApiSettings(auth="open"), None, None, None)
    assert shown == set(door._calls)


@pytest.mark.parametrize("name", ["MAX_ITEMS", "MAX_MIRRORED_RESULT_BYTES", "MAX_WAIT_SECONDS", "MAX_REQUEST_BYTES"])
def test_the_limits_are_told_as_they_are(name):
    told = {"MAX_REQUEST_BYTES": "16 MiB", "MAX_MIRRORED_RESULT_BYTES": "1 KiB", "MAX_WAIT_SECONDS": "30 s"}
    value = getattr(operator_messages, name)
    sizes = {16 * 1024 * 1024: "16 MiB", 1024: "1 KiB", 30.0: "30 s"}
    assert sizes.get(value, str(value)) == told.get(name, "500")
    assert sizes.get(value, str(value)) in PAGE


def test_every_outcome_is_explained():
    words = {
        word
        for message in (operator_messages.EnsuredJob, operator_messages.EnsuredQueue, operator_messages.EndedPod)
        for field in msgspec.structs.fields(message)
        for word in getattr(field.type, "__args__", ())
        if isinstance(word, str)
    }
    assert {word for word in words if f"`{word}`" not in PAGE} == set()
