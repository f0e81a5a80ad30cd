"""Where the API server is found: in a pod, in a kubeconfig, and what is refused before anybody is trusted."""

from __future__ import annotations

import base64

import pytest
import yaml

from taskjob.errors import InvalidError
from taskjob_api.kubernetes.target import from_kubeconfig, in_cluster


def pod(folder, token="first", authority="-----BEGIN CERTIFICATE-----"):
    (folder / "token").write_text(token + "\n")
    (folder / "ca.crt").write_text(authority)
    return {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


def test_a_pod_asks_its_own_cluster_with_its_own_token(tmp_path):
    target = in_cluster(pod(tmp_path), tmp_path)

    assert target.server == "https://10.0.0.1:6443"
    assert target.headers() == {"Authorization": "Bearer first"}
    assert in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1"}, tmp_path).server == "https://[fd00::1]:443"


def test_a_rotated_token_is_used_at_once_and_a_new_authority_makes_a_new_connection(tmp_path):
    target = in_cluster(pod(tmp_path), tmp_path)
    before = target.stamp()
    (tmp_path / "token").write_text("second")
    assert target.headers() == {"Authorization": "Bearer second"}
    assert target.stamp() == before
    (tmp_path / "ca.crt").write_text("another, longer authority")
    assert target.stamp() != before


@pytest.mark.parametrize("missing", ["host", "token", "ca.crt"])
def test_outside_of_a_cluster_it_says_what_to_do(tmp_path, missing):
    environment = pod(tmp_path)
    if missing == "host":
        environment = {}
    else:
        (tmp_path / missing).unlink()
    with pytest.raises(InvalidError) as caught:
        in_cluster(environment, tmp_path)
    assert (caught.value.field, "TASKJOB_KUBECONFIG" in caught.value.hint) == ("TASKJOB_AUTH", True)


def written(folder, *, cluster=None, user=None, **changes):
    config = {
        "current-context": "a",
        "contexts": [{"name": "z", "context": {}}, {"name": "a", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://kube.example:6443/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        **changes,
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_kubeconfig_with_a_token_or_a_file_of_it(tmp_path):
    (tmp_path / "secret").write_text("from-file\n")
    assert from_kubeconfig(written(tmp_path, user={"token": "t"})).headers() == {"Authorization": "Bearer t"}
    assert from_kubeconfig(written(tmp_path, user={"tokenFile": "secret"})).headers() == {
        "Authorization": "Bearer from-file"
    }
    assert from_kubeconfig(written(tmp_path)).headers() == {}
    assert from_kubeconfig(written(tmp_path, cluster={"tls-server-name": "kube"})).server_name == "kube"
    assert from_kubeconfig(written(tmp_path)).server == "https://kube.example:6443"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cluster": {"insecure-skip-tls-verify": True}}, "insecure-skip-tls-verify"),
        ({"cluster": {"server": "http://kube.example:8080"}}, "not https"),
        ({"cluster": {"server": "http:///nowhere"}}, "not https"),
        ({"cluster": {"certificate-authority-data": "%%%"}}, "certificate-authority-data"),
        ({"user": {"exec": {"command": "aws"}}}, "with a program"),
        ({"current-context": "gone"}, "cannot be used"),
        ({"contexts": None}, "cannot be used"),
        ({"users": [{"name": "u"}]}, "cannot be used"),
    ],
)
def test_a_kubeconfig_that_is_not_to_be_used_is_refused_by_name(tmp_path, changes, told):
    with pytest.raises(InvalidError, match=told) as caught:
        from_kubeconfig(written(tmp_path, **changes))
    assert caught.value.field == "TASKJOB_KUBECONFIG"


@pytest.mark.parametrize("content", [b"", b"[", b"\xff\xfe", b"a: b"])
def test_what_is_no_kubeconfig_is_told(tmp_path, content):
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(InvalidError, match="cannot be used"):
        from_kubeconfig(path)
    with pytest.raises(InvalidError, match="FileNotFoundError"):
        from_kubeconfig(tmp_path / "none")


def test_data_wins_over_files_and_bytes_come_through(tmp_path):
    data = base64.b64encode(b"PEM").decode()
    target = from_kubeconfig(written(tmp_path, cluster={"certificate-authority-data": data}))
    assert target.authority.read() == b"PEM"
