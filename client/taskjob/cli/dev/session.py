"""One `taskjob dev` from its first check to its last line."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import click

from taskjob.cli.dev.console import Console
from taskjob.cli.dev.folder import DataFolder
from taskjob.cli.dev.ports import LOOPBACK, free_port, holder_of, is_free
from taskjob.cli.dev.source import DEMO_MODULE, Source, find_source
from taskjob.cli.dev.supervisor import Plan, Supervisor
from taskjob.cli.exit_codes import ExitCode
from taskjob.client.target import DEFAULT_SERVER
from taskjob.client.views import WorkerView
from taskjob.errors import ConflictError


def run_dev(
    *, target: str | None, port: int, gateway_port: int | None, data: Path, reset: bool, yes: bool, concurrency: int
) -> int:
    """Run until stopped; the exit code."""
    source = find_source(target, Path.cwd())
    folder = DataFolder(data)
    folder.take()
    try:
        if reset and not _confirm_reset(folder, yes=yes):
            return ExitCode.USAGE
        rest_port, tcp_port = _choose_ports(port, gateway_port)
        folder.sign(f"http://{LOOPBACK}:{rest_port}")
        plan = _plan(source, folder, rest_port, tcp_port, concurrency)
        return asyncio.run(_supervise(plan, folder))
    finally:
        folder.release()


def _confirm_reset(folder: DataFolder, *, yes: bool) -> bool:
    contents = folder.contents()
    if not contents:
        return True
    if not yes:
        click.echo("this deletes all jobs, results and logs in:", err=True)
        for path in contents:
            click.echo(f"  {path}", err=True)
        if not click.confirm("delete them?", default=False, err=True):
            click.echo("nothing was deleted", err=True)
            return False
    folder.reset()
    return True


def _choose_ports(port: int, gateway_port: int | None) -> tuple[int, int]:
    """Raises `ConflictError` for a taken port, naming its holder where the system tells."""
    if gateway_port is None:
        gateway_port = port + 1 if port else 0
    chosen: list[int] = []
    for wanted, option in ((port, "--port"), (gateway_port, "--gateway-port")):
        if wanted and not is_free(wanted):
            holder = holder_of(wanted)
            raise ConflictError(
                f"port {wanted} is taken" + (f" by {holder}" if holder else f" (see: lsof -i :{wanted})"),
                hint=f"stop it, or choose another: taskjob dev {option} {wanted + 1000}",
            )
        chosen.append(wanted or free_port(*chosen, gateway_port))
    return chosen[0], chosen[1]


def _plan(source: Source, folder: DataFolder, rest_port: int, tcp_port: int, concurrency: int) -> Plan:
    return Plan(
        url=f"http://{LOOPBACK}:{rest_port}",
        gateway=f"tcp://{LOOPBACK}:{tcp_port}",
        source=source,
        api_command=(
            *("api", "--open", "--port", str(rest_port), "--gateway-port", str(tcp_port)),
            *("--store", f"sqlite:///{folder.database}", "--artifacts", str(folder.artifacts)),
        ),
        concurrency=concurrency,
        stop_seconds=10.0,
    )


async def _supervise(plan: Plan, folder: DataFolder) -> int:
    console = Console()
    supervisor = Supervisor(plan, console)
    working = asyncio.create_task(_work(supervisor, plan, folder, console))
    hurry = asyncio.Event()
    signalled = False

    def on_signal() -> None:
        nonlocal signalled
        if signalled:
            hurry.set()
            return
        signalled = True
        console.say(
            "stopping: running jobs may finish for 10 s (Ctrl-C again: hand them back now; they will run again)"
        )
        working.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    try:
        await working
    except asyncio.CancelledError:
        pass
    finally:
        await supervisor.stop(hurry)
    console.say(f"stopped; data is kept in {folder.path}")
    return ExitCode.OK


async def _work(supervisor: Supervisor, plan: Plan, folder: DataFolder, console: Console) -> None:
    began = time.monotonic()
    worker = await supervisor.start()
    console.say(_banner(plan, folder, worker, time.monotonic() - began))
    await supervisor.run()


def _banner(plan: Plan, folder: DataFolder, worker: WorkerView | None, seconds: float) -> str:
    if worker is None:
        tasks = f"none: {plan.source.shown} does not load (see above); mend it and save"
    else:
        tasks = f"{', '.join(worker.tasks) or 'none'} (from {plan.source.shown})"
    first = worker.tasks[0] if worker is not None and worker.tasks else "TASK"
    lines = [
        f"ready in {seconds:.1f} s",
        "",
        f"  REST     {plan.url}   open to this machine, no token",
        f"  gateway  {plan.gateway}    for workers",
        f"  data     {folder.path}   kept; `taskjob dev --reset` empties it",
        f"  tasks    {tasks}",
    ]
    if plan.source.code is not None:
        lines.append(f"  reload   when a .py file in {plan.source.code} changes")
    lines.append("")
    if plan.url != DEFAULT_SERVER:
        lines.append(f"  in another terminal, first:  export TASKJOB_SERVER={plan.url}")
    lines += [f"  submit a job:  taskjob submit {first} --wait{_example(plan)}", "  stop:          Ctrl-C", ""]
    return "\n".join(lines)


def _example(plan: Plan) -> str:
    return " value=123" if plan.source.module == DEMO_MODULE else ""
