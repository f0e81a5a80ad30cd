"""What the guardian says from beside the worker, with plain sockets: the guardian must stay small.

Each call opens a connection, sends one `renew`, reads one answer and closes.
"""

from __future__ import annotations

import contextlib
import socket

import msgspec

from taskjob.wire.codec import BadFrameError, decode_to_worker, encode, encode_line
from taskjob.wire.messages import Renew, ToWorker, Update
from taskjob_worker.settings import WorkerSettings, port_of, target

_PATH = "/worker/v1/exchange"


def renew(settings: WorkerSettings, session: str, epoch: int, *, seconds: float) -> bool:
    """True if the server renewed the session, while the worker's own loop is blocked. Never raises for a server that
    cannot be reached."""
    answer = _say(settings, Renew(session=session, epoch=epoch), seconds)
    return isinstance(answer, Update) and answer.renewed


def tell_death(settings: WorkerSettings, session: str, epoch: int, *, seconds: float) -> None:
    """Say that the worker's process is gone, so that nobody waits for it to come back. Where that cannot be said, the
    session ends as after any broken connection."""
    _say(settings, Renew(session=session, epoch=epoch, dead=True), seconds)


def _say(settings: WorkerSettings, message: Renew, seconds: float) -> ToWorker | None:
    http = settings.gateway.startswith("http")
    with contextlib.suppress(OSError, BadFrameError):
        token = settings.read_token()
        if http:
            return _over_http(settings, message, token, seconds)
        return _over_tcp(settings, msgspec.structs.replace(message, token=token), seconds)
    return None


def _over_tcp(settings: WorkerSettings, message: Renew, seconds: float) -> ToWorker:
    to = target(settings.gateway)
    with contextlib.ExitStack() as open_ones:
        connection = open_ones.enter_context(socket.create_connection((to.hostname, port_of(to)), timeout=seconds))
        if to.scheme == "tls":
            from taskjob_worker.carriers import tls_context  # noqa: PLC0415 - only where TLS is spoken

            wrapped = tls_context(settings.ca_file).wrap_socket(connection, server_hostname=to.hostname)
            connection = open_ones.enter_context(wrapped)
        connection.sendall(encode_line(message))
        return decode_to_worker(open_ones.enter_context(connection.makefile("rb")).readline(65536))


def _over_http(settings: WorkerSettings, message: Renew, token: str | None, seconds: float) -> ToWorker:
    import http.client  # noqa: PLC0415 - only over HTTP

    to = target(settings.gateway)
    if to.scheme == "https":
        from taskjob_worker.carriers import tls_context  # noqa: PLC0415 - only where TLS is spoken

        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            str(to.hostname), port_of(to), timeout=seconds, context=tls_context(settings.ca_file)
        )
    else:
        connection = http.client.HTTPConnection(str(to.hostname), port_of(to), timeout=seconds)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    with contextlib.closing(connection):
        connection.request("POST", _PATH, body=encode(message), headers=headers)
        return decode_to_worker(connection.getresponse().read(65536))
