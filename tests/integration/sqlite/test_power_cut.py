"""G1 when the power goes: every write that was not flushed is dropped, and nothing acknowledged is lost.

`python tests/integration/sqlite/power_cuts.py --cuts 100` is the long form of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import power_cuts

CUTS = 10

needs_shim = pytest.mark.skipif(
    sys.platform != "linux" or power_cuts.compiler() is None, reason="needs Linux and a C compiler (cc) for the shim"
)


@needs_shim
@pytest.mark.uncovered
def test_g1_power_cuts_lose_nothing_acknowledged(tmp_path):
    verdict = power_cuts.cut_repeatedly(tmp_path, cuts=CUTS, seed=20261123, durability="durable")
    assert (verdict.cuts, verdict.lost) == (CUTS, 0)
    assert verdict.submitted > CUTS
    assert verdict.completed > CUTS


@needs_shim
@pytest.mark.uncovered
def test_g1_a_weaker_setting_does_lose_so_the_test_above_can_fail(tmp_path):
    verdict = power_cuts.cut_repeatedly(tmp_path, cuts=CUTS, seed=20261123, durability="relaxed")
    assert verdict.lost > 0
