"""What needs kubectl itself: a program inside a pod."""

from __future__ import annotations

import asyncio
import os
import shutil

SECONDS = 120


async def kubectl(*arguments: str) -> str:
    program = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if program is None:
        raise SystemExit("kubectl is not on PATH; name it in KUBECTL")
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"kubectl {' '.join(arguments)}: {err.decode()}")
    return out.decode()


_PSS = """
import pathlib
total = 0
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        continue
    if (process / "comm").read_text() and process.name != str(__import__("os").getpid()):
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
print(total)
"""


async def pss_megabytes(namespace: str, pod: str) -> float:
    """Proportional set size of everything that runs in a pod, but for the program that asks."""
    return int(await kubectl("exec", "-n", namespace, pod, "--", "python", "-c", _PSS)) / 1024
