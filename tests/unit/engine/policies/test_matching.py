import pytest

from taskjob.model import Job, Phase, Reason
from taskjob_engine.policies.matching import matches
from taskjob_engine.store import JobFilter


@pytest.mark.parametrize(("namespace", "found"), [("team", True), ("other", False)])
def test_a_job_of_another_namespace_never_matches(namespace, found):
    job = Job(
        id="j1",
        namespace="team",
        queue="images",
        task="resize",
        created_at=0,
        phase=Phase.QUEUED,
        reason=Reason.QUEUED,
    )
    assert matches(job, JobFilter(namespace=namespace)) is found
