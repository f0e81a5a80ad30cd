"""`make chaos-cluster`: TaskJobs as objects on a real cluster while operator, api, workers, nodes and the API server
come to harm, judged from outside. Prints seed, kills and figures; exits 1 unless all is clean.

python tests/chaos/cluster/run.py [--seed N] [--seconds 60] [--rate 6] [--operator-kills 10] [--api-kills 5] …
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
sys.path.insert(0, str(Path(__file__).parent))

import every_phase
import kube_cluster
import nodes
from api_server import ApiServer, proxied
from cluster_judge import Verdict
from evidence import until_quiet, verdict_of
from harm import Harm
from objects import QUEUE, Objects
from release import Release, engine_of, installed
from transitions import Transitions

OPERATORS, WORKERS = 2, 2
EATER = {"queue": QUEUE, "task": "chaos.eat", "retry": {"maxLost": 0}}


NEED_THE_ENGINE = {"thaw", "api-server", "node-stop"}


def plan_of(options: argparse.Namespace, dice: random.Random, *, engine: bool) -> list[str]:
    """In a seeded order. What needs the engine that the nodes run on is left out where it cannot be reached."""
    counted = {
        "operator": options.operator_kills,
        "api": options.api_kills,
        "worker": options.worker_kills,
        "rollout": options.rollouts,
        "absence": options.absences,
        "deletions": options.deletions,
        "thaw": options.thaws,
        "oom": options.ooms,
        "api-server": options.api_server_restarts,
        "drain": options.drains,
        "node-stop": options.node_stops,
    }
    if not engine:
        print(f"left out, for the nodes' own engine is not reached: {', '.join(sorted(NEED_THE_ENGINE))}")
        counted |= dict.fromkeys(NEED_THE_ENGINE, 0)
    plan = [action for action, times in counted.items() for _ in range(times)]
    dice.shuffle(plan)
    return plan


async def torment(harm: Harm, objects: Objects, plan: list[str], seconds: float, recorder: str) -> None:
    """The plan, spread over the time; it takes longer where pods take long to come back."""
    pause = seconds / (len(plan) + 1)
    for number, action in enumerate(plan):
        await asyncio.sleep(pause * harm.dice.uniform(0.3, 1.0))
        if action in {"operator", "api", "worker"}:
            await harm.kill(action)
        elif action == "rollout":
            for pod in await harm.all("worker"):
                harm.log("rolled", pod["metadata"]["name"], "rollout")
            document = harm.release.queue(recorder, str(number + 2))
            await asyncio.to_thread(harm.release.cluster.apply, document, namespace=harm.release.workers)
        elif action == "deletions":
            made = await every_phase.bring_about(objects, str(number))
            harm.log("objects", json.dumps(await every_phase.delete(objects, made)), "deleted")
        elif action == "absence":
            made = await every_phase.bring_about(objects, str(number))
            fault = harm.log("operator", "all", "absent")
            await harm.scale_operators(0)
            harm.log("objects", json.dumps(await every_phase.delete(objects, made)), "deleted without an operator")
            await asyncio.sleep(2)
            await harm.scale_operators(OPERATORS)
            fault.ended_at = time.time()
        elif action == "thaw":
            await harm.thaw()
        elif action == "oom":
            await eat(harm, objects, f"eater-{number}")
        elif action == "api-server":
            await harm.restart_api_server()
        elif action == "drain":
            await nodes.drain(harm)
        else:
            await nodes.stop(harm)


async def eat(harm: Harm, objects: Objects, name: str) -> None:
    """A task that takes its worker with it. Which worker that was, the object says."""
    one = await objects.create(name, "eater", dict(EATER), frozenset({"dead_letter"}))
    worker = ""
    for _ in range(300):
        thing = await objects.object(name)
        worker = (thing.get("status") or {}).get("worker", "")
        if worker and objects.transitions.phase(one.uid) == "DeadLetter":
            break
        await asyncio.sleep(0.2)
    harm.log("worker", worker, "OOM")


async def run(options: argparse.Namespace, release: Release, recorder: str, server: ApiServer) -> tuple[Verdict, Harm]:
    dice = random.Random(options.seed)
    transitions = Transitions()
    objects = Objects(server, release.workers, options.seed, options.rate, transitions)
    harm = Harm(release, server, random.Random(options.seed ^ 0x5EED), engine_of(release.cluster))
    following = asyncio.create_task(transitions.follow(server, release.workers))
    loading = asyncio.create_task(objects.run())
    try:
        await torment(harm, objects, plan_of(options, dice, engine=harm.engine), options.seconds, recorder)
        objects.stopping.set()
        await loading
        quiet = await until_quiet(server, release, objects, 240)
        print(f"{'quiet' if quiet else 'NOT quiet'} after the last fault")
        verdict = await verdict_of(server, release, objects, transitions, harm)
    finally:
        following.cancel()
        loading.cancel()
        await asyncio.gather(following, loading, return_exceptions=True)
    verdict.figures["calls_repeated"] = server.repeated
    return verdict, harm


def report(options: argparse.Namespace, verdict: Verdict, harm: Harm) -> None:
    kills = Counter(f"{fault.role} {fault.action}" for fault in harm.faults if fault.role not in {"objects", "on-node"})
    for title in ("lost", "doubled", "unexplained", "broken"):
        for line in getattr(verdict, title)[:15]:
            print(f"{title}: {line}")
    print(f"deleted in: {json.dumps(deleted_in(harm))}")
    figures = {
        "seed": options.seed,
        **{f"{role}_kills": count_kills(harm, role) for role in ("operator", "api", "worker")},
        "faults": dict(sorted(kills.items())),
        **dict(sorted(verdict.figures.items())),
        **{title: len(getattr(verdict, title)) for title in ("lost", "doubled", "unexplained", "broken")},
    }
    print(json.dumps(figures))


def count_kills(harm: Harm, role: str) -> int:
    return sum(fault.role == role and fault.action in {"force", "grace", "SIGKILL"} for fault in harm.faults)


def deleted_in(harm: Harm) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fault in harm.faults:
        if fault.role == "objects":
            found.setdefault(fault.action, []).extend(json.loads(fault.target))
    return found


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=6.0, help="TaskJobs created a second")
    defaults = {
        "operator-kills": 10,
        "api-kills": 5,
        "worker-kills": 5,
        "rollouts": 1,
        "absences": 1,
        "deletions": 2,
        "thaws": 1,
        "ooms": 1,
        "api-server-restarts": 1,
        "drains": 1,
        "node-stops": 1,
    }
    for name, times in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=times)
    parser.add_argument("--image", help="of all processes, and already in the cluster; built and loaded if absent")
    options = parser.parse_args()
    cluster = kube_cluster.find()
    image = options.image or cluster.build_images()[0]
    with installed(cluster, image, operators=OPERATORS, workers=WORKERS) as (release, recorder):
        async with proxied(cluster) as server:
            verdict, harm = await run(options, release, recorder, server)
        if not verdict.clean:
            kept = Path(tempfile.mkdtemp(prefix="taskjob-chaos-cluster-"))
            release.keep_logs(kept)
            print(f"logs of what still ran are in {kept}")
    report(options, verdict, harm)
    return 0 if verdict.clean else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
