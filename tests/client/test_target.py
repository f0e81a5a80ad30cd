"""Where a client takes server, token and namespace from."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskjob.client.target import resolve_target
from taskjob.errors import InvalidError


def _config(folder: Path, text: str, mode: int = 0o600) -> dict[str, str]:
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(mode)
    return {"TASKJOB_CONFIG": str(path)}


def test_defaults_are_the_laptop(tmp_path: Path) -> None:
    target = resolve_target(environment={"HOME": str(tmp_path)})

    assert (target.server, target.namespace, target.token) == ("http://127.0.0.1:8080", "default", None)


def test_argument_wins_over_environment_over_file(tmp_path: Path) -> None:
    env = _config(tmp_path, 'server = "http://file"\nnamespace = "file"\ntoken = "file"\n')

    assert resolve_target(environment=env).server == "http://file"
    env |= {"TASKJOB_SERVER": "http://env", "TASKJOB_NAMESPACE": "env", "TASKJOB_TOKEN": "env"}
    target = resolve_target(environment=env)
    assert (target.server, target.namespace, target.token) == ("http://env", "env", "env")
    target = resolve_target(server="https://arg/", namespace="arg", token="arg", environment=env)
    assert (target.server, target.namespace, target.token) == ("https://arg", "arg", "arg")


def test_the_file_stands_in_the_home_folder(tmp_path: Path) -> None:
    (tmp_path / ".config/taskjob").mkdir(parents=True)
    (tmp_path / ".config/taskjob/config.toml").write_text('namespace = "media"\n')

    assert resolve_target(environment={"HOME": str(tmp_path)}).namespace == "media"


def test_a_token_file_is_read_and_stripped(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("taskjob_a_b\n")

    assert resolve_target(environment={"TASKJOB_TOKEN_FILE": str(tmp_path / "token")}).token == "taskjob_a_b"
    env = _config(tmp_path, f'token-file = "{tmp_path}/token"\n')
    assert resolve_target(environment=env).token == "taskjob_a_b"


def test_a_token_does_not_show_in_a_repr() -> None:
    assert "secret" not in repr(resolve_target(token="secret", environment={"HOME": "/nowhere"}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("server = ", "is not TOML"),
        ("sever = 'http://x'", "has 'sever'"),
        ("server = 5", "has 'server'"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidError, match=said) as caught:
        resolve_target(environment=_config(tmp_path, text))

    assert "config.toml" in caught.value.detail


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="other users may read it") as caught:
        resolve_target(environment=_config(tmp_path, "token = 'x'", mode=0o644))

    assert "chmod 600" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "server", ["localhost:8080", "ftp://x", "http://", "tcp://127.0.0.1:8081", "http://x:80a", "http://:80"]
)
def test_a_server_must_be_a_url(server: str) -> None:
    with pytest.raises(InvalidError, match="is not a server"):
        resolve_target(server=server, environment={"HOME": "/nowhere"})


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="does not exist"):
        resolve_target(environment={"TASKJOB_CONFIG": str(tmp_path / "none.toml")})
    with pytest.raises(InvalidError, match="cannot be read"):
        resolve_target(environment={"TASKJOB_TOKEN_FILE": str(tmp_path / "none")})
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(InvalidError, match="is empty"):
        resolve_target(token_file=str(tmp_path / "empty"), environment={"HOME": "/nowhere"})
