"""The processes of a chaos run, and what is done to them. Every fault is logged with its time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TASKS = Path(__file__).with_name("tasks.py")


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    children: list[int] = []
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            children += [int(child) for child in path.read_text().split()]
    return [pid, *[below for child in children for below in tree(child)]]


@dataclass
class Fault:
    at: float
    target: str
    action: str
    ended_at: float = 0.0


@dataclass
class Member:
    """One place in the fleet: the process that fills it now, and how to fill it again."""

    role: str
    arguments: list[str]
    environment: dict[str, str]
    log: Path
    generation: int = 0
    process: subprocess.Popen[bytes] | None = None
    name: str = ""

    def start(self) -> None:
        self.generation += 1
        self.name = f"{self.role}.{self.generation}"
        environment = {**os.environ, **self.environment, "CHAOS_WORKER": self.name}
        arguments = [part.replace("{name}", self.name) for part in self.arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "taskjob.cli", *arguments], env=environment, cwd=ROOT, stdout=log, stderr=log
            )

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def signal_tree(self, number: int) -> None:
        """To every process of the member, the deepest first: a guardian must not outlive the freeze of its ward."""
        assert self.process is not None
        for pid in reversed(tree(self.process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def gone(self, seconds: float) -> None:
        assert self.process is not None
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                self.process.kill()
            await asyncio.sleep(0.01)


@dataclass
class Fleet:
    api: Member
    workers: list[Member]
    faults: list[Fault] = field(default_factory=list)

    def start(self) -> None:
        self.api.start()
        for worker in self.workers:
            worker.start()

    async def stop(self) -> None:
        for member in [*self.workers, self.api]:
            if member.process is not None and member.process.poll() is None:
                member.signal(signal.SIGCONT)
                member.signal(signal.SIGTERM)
        for member in [*self.workers, self.api]:
            await member.gone(15)

    async def kill(self, member: Member) -> None:
        """SIGKILL, noticed, and started again at once."""
        fault = Fault(time.time(), member.name, "SIGKILL")
        self.faults.append(fault)
        member.signal(signal.SIGKILL)
        await member.gone(5)
        fault.ended_at = time.time()
        member.start()

    async def drain(self, member: Member) -> None:
        fault = Fault(time.time(), member.name, "SIGTERM")
        self.faults.append(fault)
        member.signal(signal.SIGTERM)
        await member.gone(30)
        fault.ended_at = time.time()
        member.start()

    async def freeze(self, member: Member, seconds: float) -> None:
        """A zombie: stopped longer than its session lives, then thawed to act on stale leases."""
        fault = Fault(time.time(), member.name, "SIGSTOP")
        self.faults.append(fault)
        member.signal_tree(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        if member.process is not None and member.process.poll() is None:
            member.signal_tree(signal.SIGCONT)
        fault.ended_at = time.time()


async def torment(fleet: Fleet, *, seed: int, api_kills: int, worker_kills: int, seconds: float, ttl: float) -> None:
    """Spread the faults over the time, in a seeded order: kills as asked, and a few drains and freezes between."""
    dice = random.Random(seed ^ 0x5EED)
    plan = ["api"] * api_kills + ["worker"] * worker_kills + ["drain"] * 3 + ["freeze"] * 2
    dice.shuffle(plan)
    pause = seconds / (len(plan) + 1)
    freezing: list[asyncio.Task[None]] = []
    frozen: set[int] = set()
    for action in plan:
        await asyncio.sleep(pause * dice.uniform(0.6, 1.4))
        if action == "api":
            await fleet.kill(fleet.api)
            continue
        index = dice.choice([i for i in range(len(fleet.workers)) if i not in frozen])
        worker = fleet.workers[index]
        if action == "worker":
            await fleet.kill(worker)
        elif action == "drain":
            await fleet.drain(worker)
        else:
            frozen.add(index)
            task = asyncio.create_task(fleet.freeze(worker, ttl * 1.6))
            task.add_done_callback(lambda _, index=index: frozen.discard(index))
            freezing.append(task)
    await asyncio.gather(*freezing)
