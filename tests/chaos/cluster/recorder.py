"""The tasks' own record, kept outside of what is killed: a pod to which every execution tells that it begins and ends.

POST /lines appends one JSON object and answers when it is written; GET /lines is all of them, one a line.
"""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

PORT = 8000
RECORD = Path("/tmp/record.jsonl")
LARGEST = 4096
_appending = Lock()


class Recorder(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        if not 0 < size <= LARGEST:
            self.send_error(413)
            return
        line = self.rfile.read(size)
        with _appending, RECORD.open("ab") as record:
            record.write(line + b"\n")
        self._answer(b"")

    def do_GET(self) -> None:
        with _appending:
            written = RECORD.read_bytes() if RECORD.exists() else b""
        self._answer(written)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """The record is enough."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Recorder).serve_forever()
