"""A kind cluster and the project's images, wherever this machine is: `python hack/kind VERB`.

up         a cluster that answers; says how to reach it
down       no cluster, and the machine as it was before
env        shell lines for reaching it: eval "$(make -s cluster-env)"
image      build the project's image and the one of the examples' tasks
load NAME  copy images of the engine into every node
footprint  what `down` restores, as JSON: processes, links, mounts, rules, cgroups
"""

from __future__ import annotations

import fcntl
import json
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext

import cluster
import footprint
import places
import project_images
from commands import Failed, Missing, say


def up(_: list[str]) -> None:
    cluster.up()
    say(f"\nTo reach it:\n{cluster.exports()}")


VERBS: dict[str, Callable[[list[str]], None]] = {
    "up": up,
    "down": lambda _: cluster.down(),
    "env": lambda _: print(cluster.exports()),
    "prepare": lambda _: cluster.prepare(),
    "image": lambda _: project_images.build(),
    "load": project_images.load,
    "footprint": lambda _: print(json.dumps(footprint.take(), indent=1)),
}
ALONE = {"up", "down", "prepare", "image"}


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    verb, *names = arguments or ["help"]
    if verb not in VERBS:
        print(__doc__)
        return 2
    try:
        with one_at_a_time() if verb in ALONE else nullcontext():
            VERBS[verb](names)
    except Missing as problem:
        say(f"cluster: {problem}")
        return 3
    except Failed as problem:
        say(f"cluster: {problem}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class one_at_a_time:  # noqa: N801 - reads as a statement
    """Set-ups on one machine wait for each other; the lock ends with its process."""

    def __enter__(self) -> None:
        path = places.state().parent / "lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("w")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.file.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
