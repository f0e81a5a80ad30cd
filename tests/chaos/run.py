"""`make chaos`: load, faults and a judge from outside. Prints seed, seconds, jobs, kills; exits 1 unless all is clean.

python tests/chaos/run.py [--seed N] [--seconds 60] [--rate 25] [--api-kills 20] [--worker-kills 20] [--cuts 40]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import secrets
import sys
import tempfile
import time
from pathlib import Path

import httpx2

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parent))

from faults import TASKS, Fleet, Member, torment
from judge import Verdict, judge
from load import Load
from wire import Wire

from taskjob.cli.dev.ports import free_port

SESSION_TTL_SECONDS = 5.0


def build_fleet(folder: Path, *, tcp_workers: int, http_workers: int) -> tuple[Fleet, Wire, str]:
    """TCP workers reach the gateway over the wire."""
    rest, gateway, wire = free_port(), free_port(), free_port()
    url = f"http://127.0.0.1:{rest}"
    journals = folder / "journals"
    journals.mkdir()
    environment = {
        "CHAOS_JOURNAL": str(journals),
        "TASKJOB_SESSION_TTL_SECONDS": str(SESSION_TTL_SECONDS),
        "TASKJOB_LOG_LEVEL": "DEBUG",  # workers tell each verdict
    }
    api = Member(
        "api",
        [
            "api",
            "--open",
            *("--store", f"sqlite:///{folder}/taskjob.db"),
            *("--artifacts", f"{folder}/artifacts"),
            *("--port", str(rest)),
            *("--gateway-port", str(gateway)),
        ],
        environment,
        folder / "api.log",
    )
    doors = [f"tcp://127.0.0.1:{wire}"] * tcp_workers + [url] * http_workers
    workers = [
        Member(
            f"worker-{number}",
            ["worker", str(TASKS), "--gateway", door, "--name", "{name}", "--concurrency", "8", "--metrics-port", "0"],
            environment,
            folder / f"worker-{number}.log",
        )
        for number, door in enumerate(doors)
    ]
    return Fleet(api, workers), Wire(wire, gateway), url


async def until_ready(url: str) -> None:
    async with httpx2.AsyncClient(base_url=url, timeout=2.0) as http:
        for _ in range(600):
            with contextlib.suppress(httpx2.HTTPError):
                if (await http.get("/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)
    raise SystemExit(f"the api at {url} did not become ready")


async def until_idle(url: str, seconds: float) -> None:
    """Every accepted job has ended, or the time is over (the judge then names what has not)."""
    deadline = time.monotonic() + seconds
    async with httpx2.AsyncClient(base_url=url, timeout=10.0) as http:
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx2.HTTPError):
                queues = (await http.get("/v1/namespaces/default/stats")).json()["queues"]
                if not any(q.get(state, 0) for q in queues for state in ("waiting", "ready", "leased")):
                    return
            await asyncio.sleep(0.2)


async def run(options: argparse.Namespace, folder: Path) -> tuple[Verdict, dict[str, object]]:
    fleet, wire, url = build_fleet(folder, tcp_workers=2, http_workers=1)
    fleet.start()
    await wire.start()
    try:
        await until_ready(url)
        load = Load(url, seed=options.seed, rate=options.rate)
        loading = asyncio.create_task(load.run())
        dice = random.Random(options.seed)
        cuts = sorted(dice.uniform(0.0, options.seconds) for _ in range(options.cuts))
        cutting = asyncio.create_task(wire.torment(fleet.faults, at=cuts))
        await torment(
            fleet,
            seed=options.seed,
            api_kills=options.api_kills,
            worker_kills=options.worker_kills,
            seconds=options.seconds,
            ttl=SESSION_TTL_SECONDS,
        )
        await cutting
        await until_ready(url)
        load.stopping.set()
        await loading
        await until_idle(url, 90)
        with httpx2.Client(base_url=url, timeout=30.0) as http:
            verdict = judge(http, load.log, folder / "journals", fleet.faults)
    finally:
        await fleet.stop()
        await wire.stop()
    kills = [fault.target.split(".")[0] for fault in fleet.faults if fault.action == "SIGKILL"]
    figures: dict[str, object] = {
        "seed": options.seed,
        "seconds": options.seconds,
        "jobs": verdict.jobs,
        "executions": verdict.executions,
        "reexecutions": verdict.reexecutions,
        "settled": verdict.settled,
        "replayed": verdict.replayed,
        "api_kills": kills.count("api"),
        "worker_kills": len(kills) - kills.count("api"),
        "drains": sum(fault.action == "SIGTERM" for fault in fleet.faults),
        "freezes": sum(fault.action == "SIGSTOP" for fault in fleet.faults),
        "cuts": sum(fault.action == "CUT" for fault in fleet.faults),
        "client_errors": load.log.errors,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "unexplained": len(verdict.unexplained),
        "broken": len(verdict.broken),
    }
    for fault in fleet.faults:
        print(f"{fault.at:.3f} {fault.action} {fault.target}")
    return verdict, figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=25.0, help="jobs submitted a second")
    parser.add_argument("--api-kills", type=int, default=20)
    parser.add_argument("--worker-kills", type=int, default=20)
    parser.add_argument("--cuts", type=int, default=40, help="times the wire loses replies and breaks")
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory(prefix="taskjob-chaos-", ignore_cleanup_errors=True) as name:
        verdict, figures = asyncio.run(run(options, Path(name)))
        if not verdict.clean:
            kept = Path(tempfile.mkdtemp(prefix="taskjob-chaos-kept-"))
            Path(name).rename(kept / "run")
            print(f"the run's files are kept in {kept}/run")
    for title in ("lost", "doubled", "unexplained", "broken"):
        for line in getattr(verdict, title)[:10]:
            print(f"{title}: {line}")
    print(json.dumps(figures))
    return 0 if verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
