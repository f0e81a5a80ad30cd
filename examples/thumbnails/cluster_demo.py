"""`make cluster-demo`: the jobs of examples/jobs on a Kubernetes cluster, from `helm install` to the last dead letter.

Needs kubectl, helm and a kubeconfig, and images that the cluster has or can pull. It installs the chart (or upgrades
it), applies the YAML of examples/jobs as it is, adds the pool of workers, shows the progress and holds the outcome
against what was asked for: every picture Completed, exactly the broken ones DeadLetter after their retries. The exit
status is 0 only then. All of it stays, to be looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
JOBS = ROOT / "examples/jobs"
POOL = HERE / "pool.yaml"
IMAGE = os.environ.get("TASKJOB_IMAGE", "taskjob:dev")
WORKERS_IMAGE = os.environ.get("TASKJOB_EXAMPLES_IMAGE", "taskjob-examples:dev")
"""As `make image` names them."""
LONGEST_SECONDS = 240.0
INSTALL_SECONDS = 180
READY_SECONDS = 120
ATTEMPTS = 3
"""What examples/jobs/queue.yaml allows."""
FINISHED = {"Completed", "DeadLetter", "Cancelled", "Rejected"}


class DemoFailed(Exception):  # noqa: N818 - told to a person as a sentence
    pass


def main(words: list[str]) -> int:
    options = read(words)
    began = time.monotonic()
    try:
        install(options)
        apply(options)
        jobs = follow(options.namespace, began)
        report(jobs, options.namespace)
    except DemoFailed as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    say(f"Done in {time.monotonic() - began:.0f} s.")
    return 0


def read(words: list[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--release", default="taskjob", help="name of the Helm release")
    options.add_argument("--system", default="taskjob-system", help="namespace of api and operator")
    options.add_argument("--namespace", default="thumbnails", help="namespace of jobs and workers")
    options.add_argument("--image", default=IMAGE, help="image of api and operator")
    options.add_argument("--workers-image", default=WORKERS_IMAGE, help="image with the tasks of examples/")
    options.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="further values of the chart")
    options.add_argument("--installed", action="store_true", help="leave the release as it is")
    return options.parse_args(words)


def install(options: argparse.Namespace) -> None:
    """Api and operator, and a namespace in which they may run workers."""
    if options.installed:
        return
    for name in (options.system, options.namespace):
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        run("kubectl", "apply", "--server-side", "--filename=-", text=json.dumps(namespace))
    repository, _, tag = options.image.rpartition(":")
    values = ["--set", f"image.repository={repository},image.tag={tag},workerNamespaces={{{options.namespace}}}"]
    values += [word for value in options.set for word in ("--set", value)]
    say(f"Installing the chart: helm upgrade --install {options.release} helm/taskjob -n {options.system}")
    command = ["helm", "upgrade", "--install", options.release, str(ROOT / "helm/taskjob"), "-n", options.system]
    run(*command, *values, "--wait", f"--timeout={INSTALL_SECONDS}s", seconds=INSTALL_SECONDS + 30)


def apply(options: argparse.Namespace) -> None:
    """The queue and its workers first: a job takes the queue's defaults when it is accepted."""
    flags = ("kubectl", "apply", "--server-side", "--validate=strict", "-n", options.namespace)
    say(f"Applying the queue: kubectl apply --server-side -f examples/jobs/queue.yaml -n {options.namespace}")
    run(*flags, f"--filename={JOBS / 'queue.yaml'}")
    pool = POOL.read_text().replace("taskjob-examples:dev", options.workers_image)
    run(*flags, "--field-manager=platform", "--filename=-", text=pool)
    ready = ("--for=condition=Ready", f"--timeout={READY_SECONDS}s", "-n", options.namespace)
    run("kubectl", "wait", "taskqueue/thumbnails", *ready, seconds=READY_SECONDS + 10)
    say(f"Applying the jobs: kubectl apply --server-side -f examples/jobs/ -n {options.namespace}")
    told = run(*flags, f"--filename={JOBS}", seconds=180)
    say(f"  {sum(line.startswith('taskjob.') for line in told.splitlines())} TaskJobs")


def follow(namespace: str, began: float) -> list[dict[str, Any]]:
    """Show the progress until every TaskJob has finished: one line that moves on a terminal, a few lines elsewhere."""
    moves = sys.stdout.isatty()
    while True:
        known = json.loads(run("kubectl", "get", "taskjobs", "-n", namespace, "-o", "json"))["items"]
        found = [job for job in known if job["spec"]["queue"] == "thumbnails"]
        counts = Counter(phase(job) for job in found)
        finished = sum(counts[name] for name in FINISHED)
        bar = "#" * (30 * finished // max(1, len(found)))
        line = f"  [{bar:<30}] {counts['Completed']} of {len(found)} completed, {counts['DeadLetter']} dead letters"
        print(f"\r{line}" if moves else line, end="" if moves else "\n", flush=True)
        if finished == len(found):
            say("")
            return found
        if time.monotonic() - began > LONGEST_SECONDS:
            why = run("kubectl", "get", "taskqueues,pods", "-n", namespace)
            raise DemoFailed(f"{len(found) - finished} jobs are not finished after {LONGEST_SECONDS:.0f} s\n{why}")
        time.sleep(0.5 if moves else 2.0)


def report(jobs: list[dict[str, Any]], namespace: str) -> None:
    """Hold each outcome against what its document asked for."""
    dead = []
    for job in jobs:
        name, status = job["metadata"]["name"], job.get("status", {})
        expected = "DeadLetter" if job["spec"]["payload"]["bucket"] == "broken" else "Completed"
        if phase(job) != expected:
            raise DemoFailed(f"{name} is {phase(job)}, expected {expected}: {status.get('message', '')}")
        if expected == "DeadLetter":
            dead.append(job)
            if status["attempts"] != ATTEMPTS:
                raise DemoFailed(f"{name} had {status['attempts']} attempts, expected {ATTEMPTS}")
    say(f"{len(jobs) - len(dead)} thumbnails: kubectl get taskjobs -n {namespace}")
    say(f"{len(dead)} dead letters, each after {ATTEMPTS} attempts, exactly those whose picture is broken:")
    for job in dead:
        say(f"  {job['metadata']['name']:<26} {job['status']['lastError']}")
    say(f"Look at one: kubectl describe tj/{dead[0]['metadata']['name']} -n {namespace}" if dead else "")


def phase(job: dict[str, Any]) -> str:
    return str(job.get("status", {}).get("phase", "Submitted"))


def run(*words: str, text: str | None = None, seconds: float = 60) -> str:
    try:
        done = subprocess.run(words, input=text or "", capture_output=True, text=True, check=False, timeout=seconds)
    except FileNotFoundError as absent:
        raise DemoFailed(f"{words[0]} is not on the PATH") from absent
    except subprocess.TimeoutExpired as late:
        raise DemoFailed(f"{' '.join(words[:3])} took longer than {seconds:.0f} s") from late
    if done.returncode != 0:
        raise DemoFailed(f"{' '.join(words[:3])} said:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
