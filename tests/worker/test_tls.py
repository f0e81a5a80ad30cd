"""A worker over TLS: the server's name and authority are checked on both carriers, and by the guardian."""

import pytest
from certificates import self_signed

from taskjob_worker.renewal import renew
from taskjob_worker.settings import WorkerSettings


@pytest.fixture
def certificate(tmp_path):
    return self_signed(tmp_path)


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

    assert renew(settings, session, 1, seconds=60)
    assert not renew(settings, "0" * 32, 1, seconds=60)
    assert not renew(WorkerSettings(gateway=f"tls://localhost:{port}"), session, 1, seconds=60)
