"""One durable POST at a time from 64 connections (wrk), the product and the barest app on the same store."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import product
from table import Row

FLOOR = Path(__file__).resolve().parents[1] / "floors" / "submit_app.py"
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"task":"bench.noop","payload":{"number":1,"text":"%s"}}'
function response(status) if status ~= 201 then bad = (bad or 0) + 1 end end
""" % ("x" * 60)


def _wrk(url: str, folder: Path, seconds: int) -> tuple[float, float]:
    """Requests a second, and the client's own CPU in cores."""
    script = folder / "post.lua"
    script.write_text(SCRIPT)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    output = subprocess.run(
        ["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", str(script), url], check=True, capture_output=True, text=True
    ).stdout
    spent = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if "Non-2xx" in output:
        raise SystemExit(output)
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found is not None
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(found[1]), cpu / spent


def measure(folder: Path, *, seconds: int) -> Row:
    with tempfile.TemporaryDirectory(dir=folder) as own, product.started(Path(own)) as api:
        figure, cpu = _wrk(f"{api.url}/jobs", Path(own), seconds)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        port, push = product.free_port(), product.free_port()
        process = subprocess.Popen([sys.executable, str(FLOOR), f"{own}/floor.db", str(port), str(push)])
        try:
            _until_up(f"http://127.0.0.1:{port}/")
            floor, _ = _wrk(f"http://127.0.0.1:{port}/", Path(own), seconds)
        finally:
            product.stop(process)
    return Row(
        "single durable submit, 64 clients", "requests/s", figure, floor, target=8_000, note=f"wrk used {cpu:.2f} cores"
    )


def _until_up(url: str) -> None:
    for _ in range(200):
        try:
            httpx2.post(url, json={}, timeout=2)
        except httpx2.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing answers at {url}")
