"""What the operator is told, and where it finds the API server."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml
from operator_jobs import raw_object

from taskjob.errors import InvalidError
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError, error_of
from taskjob_operator.kube.target import Connection, find_connection
from taskjob_operator.record import MalformedError, look
from taskjob_operator.settings import read_settings


def kubeconfig(folder: Path, user: dict[str, object], **cluster: object) -> Path:
    path = folder / "config"
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443/", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_kubeconfig_with_data_in_it(tmp_path: Path) -> None:
    data = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()
    path = kubeconfig(tmp_path, {"client-certificate-data": data, "client-key-data": data})

    found = find_connection(str(path), {})

    assert "https://127.0.0.1:6443" == found.server
    assert "-----BEGIN CERTIFICATE-----" == found.certificate == found.key
    assert found.ca is None


def test_a_kubeconfig_with_files_beside_it_and_a_token_that_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("authority")
    token = tmp_path / "token"
    token.write_text("one\n")
    path = kubeconfig(tmp_path, {"tokenFile": str(token)}, **{"certificate-authority": "ca.crt"})

    found = find_connection(None, {"KUBECONFIG": str(path)})
    assert ("authority", "one") == (found.ca, found.read_token())

    token.write_text("two")
    assert "two" == found.read_token()


async def test_a_token_that_cannot_be_read_just_now_is_a_call_without_an_answer(tmp_path: Path) -> None:
    kube = KubeClient(Connection(server="http://127.0.0.1:1", token_file=str(tmp_path / "token")))

    with pytest.raises(KubeError, match="FileNotFoundError") as refused:
        await kube.get("/version")

    assert refused.value.transient
    await kube.close()


@pytest.mark.parametrize(
    ("user", "named"),
    [({"exec": {"command": "aws"}}, "asks a program"), ({"auth-provider": {"name": "oidc"}}, "asks a program")],
)
def test_a_program_for_credentials_is_refused_with_a_way_out(
    tmp_path: Path, user: dict[str, object], named: str
) -> None:
    with pytest.raises(InvalidError, match=named) as refused:
        find_connection(str(kubeconfig(tmp_path, user)), {})
    assert "kubectl proxy" in str(refused.value.hint)


def test_no_kubeconfig_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="no cluster to speak to") as refused:
        find_connection(str(tmp_path / "none"), {})
    assert "KUBECONFIG" in str(refused.value.hint)


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("current-context: nowhere\n")

    with pytest.raises(InvalidError, match="no context named 'nowhere'"):
        find_connection(str(path), {})


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("TASKJOB_API_URL", "taskjob-api:8080", "an address like http://taskjob-api:8080"),
        ("TASKJOB_OPERATOR_PORT", "70000", "a port from 0 to 65535"),
        ("TASKJOB_OPERATOR_PORT", "many", "a whole number"),
        ("TASKJOB_LEASE_SECONDS", "1", "a number from 4 to 60"),
        ("TASKJOB_SWEEP_SECONDS", "soon", "a number"),
        ("TASKJOB_WATCH_NAMESPACES", "media,Not A Name", "is not a namespace"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(variable: str, value: str, expected: str) -> None:
    with pytest.raises(InvalidError, match=expected) as refused:
        read_settings({variable: value})
    assert variable in str(refused.value.field) or variable in refused.value.detail


def test_arguments_win_over_variables() -> None:
    settings = read_settings(
        {"TASKJOB_API_URL": "http://one", "TASKJOB_WATCH_NAMESPACES": "a, b"}, api_url="http://two", operator_port=None
    )

    assert ("http://two", ("a", "b"), 8085) == (settings.api_url, settings.watch_namespaces, settings.operator_port)


def test_only_a_named_object_that_is_not_found_is_gone() -> None:
    said = b'{"kind":"Status","reason":"NotFound","message":"taskjobs.taskjob.dev \\"cats\\" not found","code":404}'

    assert error_of(404, said, None).says_missing("cats")
    assert not error_of(404, said, None).says_missing("dogs")
    assert not error_of(404, b"404 page not found\n", None).says_missing("cats")
    assert not error_of(503, said, None).says_missing("cats")


@pytest.mark.parametrize(("header", "seconds"), [(None, None), ("3", 3.0), ("9999", 60.0), ("soon", None)])
def test_retry_after_is_read_within_bounds(header: str | None, seconds: float | None) -> None:
    assert seconds == error_of(429, b"", header).retry_after


@pytest.mark.parametrize("spec", [{"rerun": "many"}, {"rerun": [1]}])
def test_an_object_that_its_schema_cannot_have_admitted_is_malformed(spec: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        look(raw_object(spec=spec))


def test_a_version_that_is_no_number_makes_the_latest_look_win() -> None:
    assert look(raw_object(version="abc")).version > look(raw_object(version=5)).version
