"""docs/reference/worker-protocol.md is true: its conversations are played against a real gateway."""

import asyncio
import re
from pathlib import Path

import httpx2
import msgspec
import pytest

from taskjob.model import AttemptOutcome
from taskjob.wire import gateway_session, message_limits, messages
from taskjob_api.gateway import live
from taskjob_api.gateway.http import STATUS
from taskjob_api.gateway.settings import GatewaySettings
from taskjob_engine import logs

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "worker-protocol.md").read_text(encoding="utf-8")
CONVERSATIONS = re.findall(r"```conversation (tcp|http)\n(.*?)```", PAGE, re.DOTALL)
IDENTIFIER = re.compile(r"[0-9a-f]{32}")


def test_the_page_has_conversations():
    assert [carrier for carrier, _ in CONVERSATIONS].count("tcp") >= 3
    assert [carrier for carrier, _ in CONVERSATIONS].count("http") >= 3


@pytest.mark.parametrize(("carrier", "text"), CONVERSATIONS)
async def test_a_conversation_goes_as_written(house, carrier, text):
    talk = {"tcp": TcpTalk, "http": HttpTalk}[carrier](house)
    heard = []
    try:
        for line in [*text.splitlines(), ""]:
            mark, _, rest = line.partition(" ")
            if mark == "<":
                heard.append(rest)
                continue
            await talk.hear(heard)
            heard = []
            if mark == ">":
                await talk.say(rest)
            elif mark == "#":
                await talk.event(rest)
    finally:
        await talk.end()


class Talk:
    """Ids on the page stand for those of the real conversation: bound when heard, replaced when said."""

    def __init__(self, house):
        self.house = house
        self.real = {}

    def filled(self, text):
        return IDENTIFIER.sub(lambda found: self.real.get(found[0], found[0]), text)

    async def hear(self, expected):
        """As many messages as the page shows; pushes may come before or after an answer."""
        got = [msgspec.json.decode(await self.next()) for _ in expected]
        for text in expected:
            want = msgspec.json.decode(text)
            fitting = [message for message in got if self.fits(want, message, {})]
            assert fitting, f"expected {text}\ngot {got}"
            self.fits(want, fitting[0], self.real)
            got.remove(fitting[0])

    def fits(self, page, real, bound):
        if isinstance(page, dict):
            return (
                isinstance(real, dict)
                and page.keys() == real.keys()
                and all(
                    (key in {"seq", "signature"} and "incarnation" in page) or self.fits(page[key], real[key], bound)
                    for key in page
                )
            )
        if isinstance(page, list):
            return (
                isinstance(real, list)
                and len(page) == len(real)
                and all(map(self.fits, page, real, [bound] * len(page)))
            )
        if isinstance(page, str) and IDENTIFIER.fullmatch(page):
            known = self.real.get(page)
            if known is None:
                bound[page] = real
            return known is None or known == real
        return page == real

    async def event(self, text):
        what, _, rest = text.partition(": ")
        if what == "a job is submitted":
            fields = msgspec.json.decode(rest)
            payload = msgspec.json.encode(fields.get("payload", {}))
            [self.job] = await self.house.submit(fields["task"], payload=payload)
        elif what == "the job is cancelled":
            await self.house.cancel(self.job)
        else:
            assert what == "the connection breaks", text
            await self.end()


class TcpTalk(Talk):
    writer = None

    async def say(self, text):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.house.port)
            self.house.writers.append(self.writer)
        self.writer.write(self.filled(text).encode() + b"\n")

    async def next(self):
        return await asyncio.wait_for(self.reader.readline(), 60)

    async def end(self):
        if self.writer is not None:
            self.writer.transport.abort()
            self.writer = None


class HttpTalk(Talk):
    async def say(self, text):
        async with httpx2.AsyncClient(timeout=60) as client:
            response = await client.post(
                f"http://127.0.0.1:{self.house.http_port}/worker/v1/exchange",
                content=self.filled(text),
                headers={"content-type": "application/json"},
            )
        self.reply = response.content

    async def next(self):
        return self.reply

    async def end(self):
        """Nothing stands open."""


def rows(heading):
    """The cells of the table that follows a heading."""
    section = PAGE.split(f"{heading}\n", 1)[1]
    table = re.search(r"(\|.*\n)+", section)[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in table]


def test_every_error_code_is_told_with_its_status():
    assert {row[0].strip("`"): int(row[1]) for row in rows("## Errors")} == STATUS


def test_every_outcome_a_worker_may_tell_is_told():
    assert {row[0].strip("`") for row in rows("### How a delivery ends")} == set(AttemptOutcome) - {"lost"}


def test_the_limits_are_the_code_s():
    settings = GatewaySettings()
    limits = [[int(number) for number in re.findall(r"\d+", row[1])] for row in rows("## Limits")]
    assert limits == [
        [messages.MAX_FRAME_BYTES],
        [settings.max_hello_bytes],
        [messages.MAX_ITEMS],
        [message_limits.MAX_HOLDING],
        [message_limits.MAX_NAMES],
        [message_limits.MAX_WORKER_NAME],
        [message_limits.MAX_LOG_NUMBER],
        [logs.MAX_CHUNKS],
        [live.PREFETCH],
        [messages.MAX_ITEMS],
        [gateway_session.MAX_CREDIT],
        [messages.MAX_GRANT_BYTES],
        [messages.MAX_RESULT_BYTES],
        [messages.MAX_CHECKPOINT_BYTES],
        [messages.MAX_LOG_CHUNK_BYTES],
        [message_limits.MAX_PROGRESS],
        [message_limits.MAX_ERROR_TYPE, message_limits.MAX_ERROR_MESSAGE, message_limits.MAX_TRACEBACK],
        [message_limits.MAX_WAIT_SECONDS],
        [settings.hello_seconds],
        [settings.idle_seconds],
    ]
    assert settings.max_frame_bytes == messages.MAX_FRAME_BYTES
