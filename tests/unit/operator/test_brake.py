"""What the sweep holds back, as others may know of it."""

from __future__ import annotations

from taskjob_operator.sweep.brake import Brake


def test_each_namespace_is_told_of_its_own_jobs_and_only_of_what_changed() -> None:
    brake = Brake()
    told: list[set[str]] = []
    brake.on_change = told.append
    assert brake.held("media") is None

    brake.holds({"media": 3, "films": 5})
    brake.holds({"media": 4, "films": 5})

    assert (4, 5, 0) == (brake.held("media"), brake.held("films"), brake.held("music"))
    assert [{"media", "films"}, {"media"}] == told
