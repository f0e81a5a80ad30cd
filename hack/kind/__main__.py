"""A kind cluster and the project's images, wherever this machine is: `python hack/kind VERB`.

up          a cluster that answers; says how to reach it
down        no cluster, and the machine as it was before
prepare     build or fetch what `up` needs, without starting anything
image       build the project's image and the one of the examples' tasks
load NAME   copy images of the engine into every node
env         shell lines for reaching it: eval "$(make -s cluster-env)"
kubeconfig  the path of its kubeconfig, whether there is a cluster or not
footprint   what `down` restores, as JSON: processes, links, mounts, rules, cgroups

Exit status: 0 done, 1 failed, 3 something is missing here that must be installed by hand.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable

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
    "kubeconfig": lambda _: print(places.kubeconfig()),
    "prepare": lambda _: cluster.prepare(),
    "image": lambda _: project_images.build(),
    "load": project_images.load,
    "footprint": lambda _: print(json.dumps(footprint.take(), indent=1)),
}


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    verb, *names = arguments or ["help"]
    if verb not in VERBS:
        print(__doc__)
        return 2
    try:
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
