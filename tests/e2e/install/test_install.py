"""helm install with defaults, its own test, and an uninstall that keeps what NOTES says."""

from __future__ import annotations

from helm_release import CHART, DEFINITIONS, Release
from kube_cluster import Cluster, CommandFailed

WORKER = {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}}


def test_an_installation_with_defaults_passes_its_own_test(release: Release, cluster: Cluster) -> None:
    told = cluster.helm("test", release.name, "-n", release.system)

    assert "Phase:          Succeeded" in told
    assert release.claim in cluster.kubectl("get", "pvc", "-n", release.system, "-o", "name")


def test_a_wrong_value_is_refused_before_anything_is_made(cluster: Cluster) -> None:
    with cluster.namespace() as empty:
        try:
            cluster.helm("install", "wrong", str(CHART), "-n", empty, "--set", "store.persistence.size=big")
        except CommandFailed as refusal:
            told = str(refusal)
        else:
            told = "accepted"
        made = cluster.kubectl("get", "all", "-n", empty, "-o", "name")

    assert "values don't meet the specifications of the schema" in told
    assert "store" in told
    assert "size" in told
    assert "" == made


def test_an_uninstall_keeps_what_it_says_and_the_next_install_goes_on(
    release: Release, images: tuple[str, str]
) -> None:
    """Definitions, TaskJobs, TaskQueues, workers and the volume stay; a later release of the name takes all up."""
    image, examples = images
    release.apply(_queue("kept", examples), _job("before", "kept"))
    release.kubectl("wait", "taskjob/before", "--for=condition=Completed", "--timeout=90s", seconds=100)
    before = release.get("taskjobs", "before")
    notes = release.cluster.helm("get", "notes", release.name, "-n", release.system)

    release.uninstall()
    try:
        release.wait("api and operator gone", lambda: "" == _left(release))
        definitions = release.cluster.kubectl("get", "crd", *DEFINITIONS, "-o", "name").split()
        claims = release.cluster.kubectl("get", "pvc", "-n", release.system, "-o", "name")
        deployments = release.kubectl("get", "deployments", "-o", "name")
        between = release.get("taskjobs", "before")
        release.apply(_job("meanwhile", "kept"))
    finally:
        release.install(image)

    assert len(DEFINITIONS) == len(definitions)
    assert release.claim in claims
    assert "deployment.apps/taskqueue-kept" in deployments
    assert before["status"] == between["status"]
    for promised in ("every TaskJob and TaskQueue", "the worker Deployments", f"the volume claim {release.claim}"):
        assert promised in notes
    release.kubectl("wait", "taskjob/meanwhile", "--for=condition=Completed", "--timeout=90s", seconds=100)
    after = release.get("taskjobs", "before")
    assert before["metadata"]["uid"] == after["metadata"]["uid"]
    assert ("Completed", 0) == (after["status"]["phase"], after["status"]["run"])
    assert before["status"]["jobID"] == after["status"]["jobID"], "the jobs are still on the volume"


def _left(release: Release) -> str:
    kinds = "pods,deployments,statefulsets,services,serviceaccounts"
    found = release.cluster.kubectl("get", kinds, "-n", release.system, "-o", "name")
    return "\n".join(line for line in found.splitlines() if line != "serviceaccount/default")


def _queue(name: str, image: str) -> dict[str, object]:
    worker = {"image": image, "modules": ["simple_task"], "resources": WORKER}
    spec = {"replicas": 1, "worker": worker}
    return {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": name}, "spec": spec}


def _job(name: str, queue: str) -> dict[str, object]:
    spec = {"queue": queue, "task": "count_words", "payload": {"text": "the more the merrier"}}
    return {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskJob", "metadata": {"name": name}, "spec": spec}
