"""Write the custom resource definitions (`python hack/crds.py`), or check that they are up to date (`--check`).

`crds/` is for `kubectl apply`; `helm/taskjob/files/crds/`, the same again, is what the chart installs.
A file that is no definition any more is removed.
"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

from taskjob_operator.crd.definitions import definitions
from taskjob_operator.crd.manifest import manifest

ROOT = Path(__file__).parents[1]


def wanted() -> dict[Path, str]:
    """Path, relative to the repository, → text."""
    files = {}
    for plural, definition in definitions().items():
        for folder in ("crds", "helm/taskjob/files/crds"):
            files[Path(folder, f"{plural}.yaml")] = manifest(definition)
    return files


def main(root: Path, *, check: bool) -> int:
    files = wanted()
    present = {
        path.relative_to(root) for folder in {path.parent for path in files} for path in (root / folder).glob("*.yaml")
    }
    stale = present - files.keys()
    for path, text in files.items():
        before = (root / path).read_text() if path in present else ""
        if before == text:
            continue
        stale.add(path)
        if check:
            sys.stdout.writelines(
                difflib.unified_diff(
                    before.splitlines(keepends=True), text.splitlines(keepends=True), str(path), str(path)
                )
            )
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
            print(f"wrote {path}")
    for path in present - files.keys():
        if not check:
            (root / path).unlink()
        print(f"{path} is no definition")
    if check and stale:
        print("The definitions are not up to date. Run: make generate")
    return int(check and bool(stale))


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:] if argument != "--check"]
    sys.exit(main(*folders or (ROOT,), check="--check" in sys.argv[1:]))
