"""Who may speak the operator protocol, and what is refused before anything acts."""

from __future__ import annotations

import pytest
from operator_side import OperatorSide, declared, owner

from taskjob.model.times import SECOND
from taskjob.wire.operator_messages import MAX_ITEMS, MAX_REQUEST_BYTES
from taskjob_api.tokens import Scope, create_token

NOW = 1_800_000_000 * SECOND


async def test_only_the_scope_operator_opens_the_door(start_api, tmp_path):
    file = tmp_path / "tokens.json"
    tokens = {scope: create_token(file, scopes=[scope], namespaces=["*"], now=NOW)[0] for scope in Scope}
    api = await start_api(tokens=file)

    async def status(token):
        side = OperatorSide(api.client, **({} if token is None else {"Authorization": f"Bearer {token}"}))
        answer = await side.post("jobs/ensure", {"jobs": [declared()]})
        return answer.status_code, answer.json().get("reason")

    refused = {scope: await status(token) for scope, token in tokens.items() if scope is not Scope.OPERATOR}

    assert set(refused.values()) == {(403, "MissingScope")}
    assert await status(None) == (401, None)
    assert (await status(tokens[Scope.OPERATOR]))[0] == 200


async def test_the_operators_token_opens_nothing_else(start_api, tmp_path):
    file = tmp_path / "tokens.json"
    token, _ = create_token(file, scopes=[Scope.OPERATOR], namespaces=["*"], now=NOW)
    api = await start_api(tokens=file, headers={"Authorization": f"Bearer {token}"})

    answers = [await api.call("GET", "/jobs"), await api.call("POST", "/jobs", json={"task": "a"})]

    assert [answer.status_code for answer in answers] == [403, 403]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ([], ""),
        ({"jobs": [], "force": True}, ""),
        ({"jobs": [{"owner": owner()}]}, "/jobs/0"),
        ({"jobs": [{"owner": {"uid": "u1"}, "spec": {}}]}, "/jobs/0/owner"),
        ({"jobs": [declared() | {"knownJob": "nonsense"}]}, "/jobs/0/knownJob"),
        ({"jobs": [declared()] * (MAX_ITEMS + 1)}, "/jobs"),
    ],
)
async def test_a_request_that_is_not_as_the_protocol_says_is_refused_whole(api, operator, body, field):
    answer = await operator.post("jobs/ensure", body)

    assert (answer.status_code, answer.json()["code"], answer.json().get("field", "")) == (422, "Invalid", field)
    assert await api.accepted() == 0


async def test_an_owner_that_no_api_server_made_is_rejected_alone(operator):
    bad, good = await operator.ensure(declared() | {"owner": owner(namespace="*")}, declared("u2"))

    assert (bad["outcome"], bad["field"], good["outcome"]) == ("rejected", "/owner/namespace", "owned")


async def test_what_is_no_request_is_answered_with_a_problem(api):
    path = "/operator/v1/jobs/ensure"
    json = {"content-type": "application/json"}

    get = await api.call("GET", path)
    unknown = await api.call("POST", "/operator/v1/jobs/forget", json={})
    text = await api.call("POST", path, content=b"{}", headers={"content-type": "text/plain"})
    broken = await api.call("POST", path, content=b"{", headers=json)
    huge = await api.call("POST", path, content=b" " * (MAX_REQUEST_BYTES + 1), headers=json)

    assert (get.status_code, get.headers["allow"]) == (405, "POST")
    assert [answer.status_code for answer in (unknown, text, broken, huge)] == [404, 415, 422, 413]
