"""Tasks of the jobs that are looked at; mounted into a worker pod."""

import time

from taskjob import task


@task
def add(a: int, b: int) -> int:
    return a + b


@task
def refuse(text: str) -> None:
    raise ValueError(text)


@task
def nap(milliseconds: int) -> None:
    time.sleep(milliseconds / 1000)
