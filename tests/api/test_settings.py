"""Settings from arguments and the environment: each bad value is refused by its name."""

from __future__ import annotations

import pytest

from taskjob.errors import InvalidError
from taskjob_api.app import build_door, build_engine
from taskjob_api.settings import ApiSettings, is_loopback, read_settings


def test_variables_are_read_by_their_types_and_arguments_win():
    environment = {
        "TASKJOB_AUTH": "open",
        "TASKJOB_PORT": "9000",
        "TASKJOB_HEALTH_PORT": "0",
        "TASKJOB_CREATE_QUEUES": "False",
        "TASKJOB_DRAIN_SECONDS": "2.5",
        "TASKJOB_ALLOWED_HOSTS": "jobs.local, other.local,",
        "TASKJOB_STORE": "",
        "PATH": "/bin",
    }

    settings, unknown = read_settings(environment, port=9001, host=None)

    assert settings == ApiSettings(
        auth="open",
        port=9001,
        health_port=0,
        create_queues=False,
        drain_seconds=2.5,
        allowed_hosts=("jobs.local", "other.local"),
    )
    assert unknown == ()


def test_a_misspelt_variable_is_reported_and_those_of_others_are_not():
    environment = {"TASKJOB_AUTH": "open", "TASKJOB_PROT": "1", "TASKJOB_SERVER": "x", "TASKJOB_TOKEN": "y"}

    assert read_settings(environment)[1] == ("TASKJOB_PROT",)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("GATEWAY_PORT", "-1"),
        ("HEALTH_PORT", "1.5"),
        ("AUTH", "none"),
        ("AUTH", "token"),
        ("DURABILITY", "weak"),
        ("CREATE_QUEUES", "yes"),
        ("STORE", "postgres://x"),
        ("REQUEST_SECONDS", "0"),
        ("DRAIN_SECONDS", "nan"),
        ("SESSION_TTL_SECONDS", "many"),
        ("MAX_SUBMITS_IN_FLIGHT", "0"),
        ("TLS_CERTIFICATE", "cert.pem"),
    ],
)
def test_a_bad_value_is_refused_with_the_variables_name(variable, value):
    with pytest.raises(InvalidError) as caught:
        read_settings({"TASKJOB_AUTH": "open"} | {f"TASKJOB_{variable}": value})

    assert caught.value.field in {f"TASKJOB_{variable}", "TASKJOB_TOKENS_FILE"}
    assert f"TASKJOB_{variable}" in caught.value.detail


@pytest.mark.parametrize("addresses", [{"host": "0.0.0.0"}, {"gateway_host": "192.0.2.1"}, {"host": "jobs.example"}])
def test_an_open_door_off_loopback_is_refused(addresses):
    with pytest.raises(InvalidError) as caught:
        read_settings({"TASKJOB_AUTH": "open"}, **addresses)

    assert caught.value.field == "TASKJOB_AUTH"
    assert read_settings({"TASKJOB_TOKENS_FILE": "tokens.json"}, **addresses)


def test_a_door_that_asks_for_tokens_never_opens_for_want_of_their_file(tmp_path):
    settings = ApiSettings(store="memory://", artifacts=str(tmp_path))

    with pytest.raises(InvalidError) as caught:
        build_door(settings, build_engine(settings))

    assert caught.value.field == "TASKJOB_TOKENS_FILE"
    assert "taskjob token create" in caught.value.hint
    assert "--open" in caught.value.hint


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("0.0.0.0", False)],
)
def test_loopback_is_known(host, loopback):
    assert is_loopback(host) is loopback
