"""The docs say what is true: generated regions are fresh, links lead somewhere, every error is explained."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
COMPONENTS = ("client", "engine", "api", "worker", "operator")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_generated_regions_are_fresh() -> None:
    """Run `make generate` after a change of commands, settings, errors, metrics, routes or the life cycle."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "hack/reference"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (0, "") == (done.returncode, done.stdout + done.stderr)


def test_no_metric_of_a_worker_has_a_name_of_the_api() -> None:
    """One sum over both would count every job twice. The page is generated from both."""
    page = (ROOT / "docs/reference/metrics.md").read_text()
    names = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)

    assert len(names) > 20
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (fragment and file.suffix == ".md" and fragment not in anchors(file)):
            broken.append(target)

    assert [] == broken


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent != ROOT], ids=relative)
def test_every_page_can_be_found(page: Path) -> None:
    """Some other page links to it."""
    linked = {
        (other.parent / target.partition("#")[0]).resolve()
        for other in PAGES
        if other != page
        for target in LINK.findall(other.read_text())
    }

    assert page.resolve() in linked


def error_classes() -> set[str]:
    """Every class whose name ends in Error and that has a code of its own, anywhere in the source."""
    return {
        node.name
        for part in COMPONENTS
        for path in (ROOT / part).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(
            isinstance(item, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "code" for t in item.targets)
            for item in node.body
        )
    }


def test_every_error_code_is_explained() -> None:
    text = (ROOT / "docs/reference/errors.md").read_text()

    assert [] == sorted(name for name in error_classes() if f"`{name}`" not in text)


def test_error_codes_are_unique() -> None:
    codes = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/reference/errors.md").read_text(), re.MULTILINE)

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_one_sentence_a_line(page: Path) -> None:
    """A diff then shows the sentence that changed. Tables, lists and generated text may say more in a line."""
    text = re.sub(r"<!-- generated.*?<!-- end generated -->", "", page.read_text(), flags=re.DOTALL)
    prose = [line for line in FENCE.sub("", text).splitlines() if line and line[0] not in "|-#>0123456789 <"]

    assert [] == [line for line in prose if re.search(r"[a-z)`][.!?] [A-Z]", line)]


@pytest.mark.parametrize("page", ["README.md", "docs/guarantees.md"])
@pytest.mark.parametrize("limit", ["exactly-once execution", "a global order", "loss of the store itself"])
def test_g9_what_is_not_promised_is_said(page: str, limit: str) -> None:
    text = (ROOT / page).read_text().lower()

    assert limit in text[text.index("not promise") :]
