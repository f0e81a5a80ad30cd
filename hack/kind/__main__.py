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

import cluster
import footprint
import places
import project_images
from commands import Failed, Missing, say


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    verb, *names = arguments or ["help"]
    try:
        match verb:
            case "up":
                with one_at_a_time():
                    cluster.up()
                say(f"\nTo reach it:\n{cluster.exports()}")
            case "down":
                with one_at_a_time():
                    cluster.down()
            case "env":
                print(cluster.exports())
            case "image":
                with one_at_a_time():
                    project_images.build()
            case "load":
                project_images.load(names)
            case "footprint":
                print(json.dumps(footprint.take(), indent=1))
            case _:
                print(__doc__)
                return 2
    except (Missing, Failed) as problem:
        say(f"cluster: {problem}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class one_at_a_time:  # noqa: N801 - reads as a statement
    """Two set-ups of the same cluster wait for each other; the lock ends with its process."""

    def __enter__(self) -> None:
        path = places.state().with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("w")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.file.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
