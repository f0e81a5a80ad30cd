"""The tasks that `taskjob dev` offers where the user has none yet."""

from __future__ import annotations

from typing import Any

from taskjob import task


@task(name="demo")
async def demo(**payload: Any) -> dict[str, Any]:
    """Hand the payload back."""
    return {"echo": payload}
