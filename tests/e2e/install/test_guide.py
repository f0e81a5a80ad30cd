"""docs/kubernetes.md: its shell blocks, run as they stand, in a namespace that the chart opened to workers.

Blocks for an administrator, marked so, install and uninstall the chart; other tests here do that.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from helm_release import ROOT, Release

GUIDE = (ROOT / "docs/kubernetes.md").read_text()
BLOCK = re.compile(r"(?P<mark><!-- by an administrator -->\n)?```shell\n(?P<body>.*?)```", re.DOTALL)
SECONDS = 280


def test_every_block_for_users_works(release: Release, images: tuple[str, str], tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(release.cluster.kubectl("config", "view", "--raw", "--flatten", "--minify"))
    environment = {
        **release.cluster.environment,
        "KUBECONFIG": str(kubeconfig),
        "TASKJOB_API_SERVICE": f"{release.system}/{release.name}-taskjob-api",
        "PATH": f"{Path(sys.executable).parent}:{release.cluster.environment['PATH']}",
    }
    blocks = [block["body"] for block in BLOCK.finditer(GUIDE) if not block["mark"]]
    text = "\n".join(["set -eux", f"kubectl config set-context --current --namespace={release.workers}", *blocks])
    script = text.replace("=default:me", f"={release.workers}:me").replace('"$PWD/.venv/bin:$PATH"', '"$PATH"')

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=SECONDS,
    )

    assert 0 == done.returncode, done.stdout + release.state()
    assert '"merrier":1' in done.stdout
    assert "UnidentifiedImageError" in done.stdout
    assert "kubectl taskjob logs broken --run 0 --delivery 1" in done.stdout, "as this user types it"
