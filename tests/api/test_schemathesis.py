"""The whole REST surface against its own OpenAPI: all checks, a job in every phase, with and without a token."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import hypothesis
import job_phases
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis import GenerationMode

from taskjob.errors import InvalidError
from taskjob.spec import check_json
from taskjob_api.app import openapi_document
from taskjob_api.server import RunningApi, running
from taskjob_api.settings import ApiSettings
from taskjob_api.tokens import Scope, create_token

# schemathesis draws from `random` inside its strategies.
pytestmark = [
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning"),
    pytest.mark.uncovered,
]

EXAMPLES = 100
CLUSTER = "c1"
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def document() -> dict[str, Any]:
    """The real one, with small batches: generating a thousand documents shows nothing more, and takes long."""
    described = openapi_document()
    batch = described["paths"]["/v1/namespaces/{namespace}/jobs/batch"]["post"]["requestBody"]
    batch["content"]["application/json"]["schema"]["properties"]["items"]["maxItems"] = 3
    return described


SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations())
}


class Explored(NamedTuple):
    """How often an operation was called, with or without a token, and how often it answered 2xx. `conftest.py`
    shows it at the end of the run."""

    operation: str
    token: str
    calls: int
    reached: int


class Server:
    """A real api in its own thread and loop, over a real socket."""

    def __init__(self, folder: Path) -> None:
        self.tokens = folder / "tokens.json"
        self.token, _ = create_token(
            self.tokens,
            scopes=[scope for scope in Scope if scope is not Scope.WORKER],
            now=0,
            namespaces=["default"],
        )
        self.settings = ApiSettings(
            store="memory://",
            artifacts=str(folder / "artifacts"),
            port=0,
            gateway_port=0,
            tokens_file=str(self.tokens),
            drain_seconds=1,
        )
        self.session = requests.Session()
        self.calls: Counter[str] = Counter()
        self.reached: Counter[str] = Counter()
        self.jobs: dict[str, list[str]] = {}
        self.url = ""
        self._api: RunningApi | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with running(self.settings) as api:
            self._api, self.url = api, api.addresses.rest
            self._ready.set()
            await self._stop.wait()

    def seed(self) -> None:
        """Fresh jobs in every phase, so that no operation depends on what another one did."""
        seeding = job_phases.seed(self._api.engine, self._api.engine._store, copies=2)
        self.jobs = asyncio.run_coroutine_threadsafe(seeding, self._loop).result(60)
        told = self.session.post(
            f"{self.url}/operator/v1/orphans",
            json={"clusterId": CLUSTER, "total": 1, "namespaces": ["default"]},
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        assert told.status_code == 200, told.text

    def some_job(self, *, finished: bool) -> st.SearchStrategy[str]:
        phases = ("completed", "dead_letter", "cancelled") if finished else tuple(self.jobs)
        return st.sampled_from([job for phase in phases for job in self.jobs[phase]])

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("api")) as started:
        yield started


def aim(case: Any, data: st.DataObject, server: Server) -> None:
    """Most calls name what exists: random ids only ever show the 404. Who would wait, waits for a finished job."""
    query = case.query if isinstance(case.query, dict) else {}
    waits = case.path.endswith("/events") or "wait" in query or "follow" in query
    aims = {
        "namespace": st.just("default"),
        "job_id": st.sampled_from(server.jobs["completed"]) | server.some_job(finished=waits),
        "queue": st.just("default"),
    }
    if case.path_parameters and data.draw(st.integers(0, 3)):
        for name in case.path_parameters:
            case.path_parameters[name] = data.draw(aims[name])
    if case.path.endswith("/orphans/confirm") and isinstance(case.body, dict) and data.draw(st.integers(0, 3)):
        case.body["clusterId"] = CLUSTER
    keep_rules_beyond_schemas(case, query)


def keep_rules_beyond_schemas(case: Any, query: dict[str, Any]) -> None:
    """What a schema cannot say: cursors and tokens come from the server, a key has one value, a pause ends later,
    the calendar has an edge, an action's phases fit it, 1.0 is not the integer 1, and 2^60 is no exact number."""
    query.pop("cursor", None)
    for name in ("created_after", "created_before"):
        hypothesis.assume(not str(query.get(name, "")).startswith(("0001-01-01", "9999-12-31")))
    if "label" in query:
        query["label"] = query["label"].partition(",")[0]
    if isinstance(case.body, dict):
        hypothesis.assume(not has_whole_floats(case.body) and holds_in_json(case.body))
        if case.headers and case.body.get("idempotencyKey") is not None:
            case.headers.pop("Idempotency-Key", None)
        hypothesis.assume("until" not in case.body and "token" not in case.body)
        if isinstance(case.body.get("filter"), dict):
            case.body["filter"].pop("phase", None)
        if case.path.endswith("/actions"):
            case.body.setdefault("action", "cancel")


def has_whole_floats(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(has_whole_floats, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and value.is_integer()


def holds_in_json(value: Any) -> bool:
    try:
        check_json(value)
    except InvalidError:
        return False
    return True


def call(server: Server, label: str, case: Any) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    response = case.call(base_url=server.url, headers=headers, session=server.session, timeout=60)
    server.calls[label] += 1
    if response.status_code < 300:
        server.reached[label] += 1
    case.validate_response(response, headers=headers, transport_kwargs={"session": server.session})


@pytest.mark.parametrize("label", OPERATIONS)
def test_operation_with_a_token(server, label, record_property):
    operation = OPERATIONS[label]
    server.seed()
    cases = operation.as_strategy()
    if takes_input(operation):
        cases = st.one_of(cases, cases, operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))

    @SETTINGS
    @given(case=cases, data=st.data())
    def explore(case, data):
        if case.meta.generation.mode is GenerationMode.POSITIVE:
            aim(case, data, server)
        call(server, label, case)

    explore()
    record_property("openapi", Explored(label, "with", server.calls[label], server.reached[label]))
    assert server.calls[label] >= least_calls(operation)
    assert server.reached[label] > 0


@pytest.mark.parametrize("label", OPERATIONS)
def test_operation_without_a_token(server, label, record_property):
    operation = OPERATIONS[label]
    expected = 401 if operation.definition.raw.get("security") else 200
    calls = 0

    @SETTINGS
    @given(case=operation.as_strategy())
    def explore(case):
        nonlocal calls
        response = case.call(base_url=server.url, session=server.session, timeout=60)
        case.validate_response(response, transport_kwargs={"session": server.session})
        assert response.status_code == expected
        calls += 1

    explore()
    record_property("openapi", Explored(label, "without", calls, calls if expected == 200 else 0))
    assert calls >= least_calls(operation)


def least_calls(operation: Any) -> int:
    """What takes no input can only be called in one way."""
    return EXAMPLES if takes_input(operation) else 1


def takes_input(operation: Any) -> bool:
    return bool(
        list(operation.path_parameters) + list(operation.query) + list(operation.headers) + list(operation.body)
    )
