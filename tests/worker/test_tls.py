"""A worker over TLS: the server's name and authority are checked on both carriers, and by the guardian."""

import os
import shutil
import subprocess

import pytest

from taskjob_worker.renewal import renew
from taskjob_worker.settings import WorkerSettings


@pytest.fixture
def certificate(tmp_path):
    if shutil.which("openssl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("openssl is not installed")
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.mark.parametrize("carrier", ["tls", "https"])
def test_a_worker_trusts_only_the_authority_it_was_given(
    start_api, start_worker, worker_class, eventually, tmp_path, certificate, carrier
):
    api = start_api(certificate=certificate)
    port = (api.gateway if carrier == "tls" else api.url).rpartition(":")[2]
    gateway = f"{carrier}://localhost:{port}"

    start_worker(gateway, ca_file=str(certificate[0]))

    stranger = worker_class(tmp_path, gateway)
    try:
        eventually(lambda: "certificate verify failed" in stranger.log.lower(), stranger.log)
        assert "opened session" not in stranger.log
    finally:
        stranger.stop()


def test_the_guardian_renews_over_tls(start_api, start_worker, certificate):
    api = start_api(certificate=certificate)
    port = api.gateway.rpartition(":")[2]
    worker = start_worker(f"tls://localhost:{port}", ca_file=str(certificate[0]))
    session = worker.log.split("opened session ")[1].split()[0]
    settings = WorkerSettings(gateway=f"tls://localhost:{port}", ca_file=str(certificate[0]))

    assert renew(settings, session, 1, seconds=5)
    assert not renew(settings, "0" * 32, 1, seconds=5)
    assert not renew(WorkerSettings(gateway=f"tls://localhost:{port}"), session, 1, seconds=5)
