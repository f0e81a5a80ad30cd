"""For tests of your own tasks: run one task (`run_task`), or a whole worker (`InlineWorker`), with no server.

Everything runs in the calling thread, without processes, time-outs or waiting. Payloads, contexts, signals and
results mean exactly what they mean on a worker; the engine is not here: what it would do next is told by the
outcome (`run_task`) or played on a clock that only jumps (`InlineWorker`).
"""

from taskjob.testing.runs import TaskRun, arun_task, run_task
from taskjob.testing.worker import InlineJob, InlineWorker

__all__ = ["InlineJob", "InlineWorker", "TaskRun", "arun_task", "run_task"]
