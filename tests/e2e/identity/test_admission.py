"""A TaskQueue is no way to an identity: the admission policy on a real API server, tried by people of few rights."""

from __future__ import annotations

import time

import pytest
from kube_people import MERGE, collection

VERSION = "taskjob.dev/v1alpha1"
WORKER = {"image": "registry.example/tasks:1"}


@pytest.fixture(scope="module")
def shop(people, system):
    """Two users: `few` may all of TaskQueues, `many` also what the operator would do for them."""
    namespace = people.namespace("shop")
    queues = {"apiGroups": ["taskjob.dev"], "resources": ["taskqueues", "taskqueues/scale"], "verbs": ["*"]}
    deployments = [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]},
        {"apiGroups": ["apps"], "resources": ["deployments/scale"], "resourceNames": ["theirs"], "verbs": ["patch"]},
    ]
    people.bind(namespace, "few", people.role(namespace, queues), kind="Role")
    people.bind(namespace, "many", people.role(namespace, queues, *deployments), kind="Role")
    end = time.monotonic() + 60  # the policy is there as soon as the API server has heard of it
    while put(people, "few", namespace, "probe", worker=WORKER).status_code == 201:
        assert time.monotonic() < end, "the policy does not act"
        people.call("DELETE", f"{collection(VERSION, 'TaskQueue', namespace)}/probe")
        time.sleep(0.2)
    return namespace


def impersonated(user):
    return {"Impersonate-User": user}


def put(people, user, namespace, name, **spec):
    document = {"apiVersion": VERSION, "kind": "TaskQueue", "metadata": {"name": name}, "spec": spec}
    path = collection(VERSION, "TaskQueue", namespace)
    return people.call("POST", path, document, headers=impersonated(user))


def edit(people, user, namespace, name, **spec):
    path = f"{collection(VERSION, 'TaskQueue', namespace)}/{name}"
    return people.call("PATCH", path, {"spec": spec}, headers=MERGE | impersonated(user))


@pytest.mark.parametrize(
    "worker",
    [
        WORKER,
        WORKER | {"serviceAccountName": "admin"},
        WORKER | {"env": [{"name": "A", "value": "b"}]},
        WORKER | {"template": {"envFrom": [{"secretRef": {"name": "s"}}]}},
    ],
)
def test_whoever_may_not_create_deployments_declares_no_workers(people, shop, worker):
    answer = put(people, "few", shop, "images", worker=worker)
    assert answer.status_code == 403, answer.text
    assert f"spec.worker: few may not create deployments in namespace {shop}" in answer.json()["message"]


def test_a_queue_without_workers_is_free_and_gets_none_by_an_edit(people, shop):
    assert put(people, "few", shop, "plain", limits={"maxConcurrency": 3}).status_code == 201
    assert edit(people, "few", shop, "plain", paused=True).status_code == 200
    assert edit(people, "few", shop, "plain", worker=WORKER).status_code == 403
    assert edit(people, "few", shop, "plain", deploymentRef={"name": "theirs"}).status_code == 403


def test_a_queue_without_a_spec_is_judged_too(people, shop):
    document = {"apiVersion": VERSION, "kind": "TaskQueue", "metadata": {"name": "bare"}}
    path = collection(VERSION, "TaskQueue", shop)
    answer = people.call("POST", path, document, headers=impersonated("few"))
    assert answer.status_code in {201, 422}, answer.text  # never an error of the policy
    assert "policy" not in answer.text


def test_who_may_declares_workers_and_others_may_edit_all_but_them(people, shop):
    worker = WORKER | {"serviceAccountName": "images"}
    assert put(people, "many", shop, "pool", worker=worker).status_code == 201
    assert edit(people, "few", shop, "pool", paused=True).status_code == 200
    assert edit(people, "few", shop, "pool", replicas=3).status_code == 200
    for change in (
        {"image": "registry.example/evil:1"},
        {"serviceAccountName": "admin"},
        {"serviceAccountName": None},
        {"concurrency": 5},
        {"template": {"volumes": [{"name": "s", "secret": {"secretName": "s"}}]}},
    ):
        assert edit(people, "few", shop, "pool", worker=change).status_code == 403, change
    assert edit(people, "few", shop, "pool", worker=None).status_code == 200
    assert edit(people, "few", shop, "pool", worker=worker).status_code == 403, "what was taken away comes not back"
    assert edit(people, "many", shop, "pool", worker=worker).status_code == 200


def test_a_deployment_is_scaled_for_who_may_scale_it(people, shop):
    refused = put(people, "few", shop, "theirs", deploymentRef={"name": "theirs"})
    assert refused.status_code == 403
    assert "few may not patch deployments/scale of theirs" in refused.json()["message"]
    assert put(people, "many", shop, "another", deploymentRef={"name": "another"}).status_code == 403
    assert put(people, "many", shop, "theirs", deploymentRef={"name": "theirs"}).status_code == 201
    assert edit(people, "few", shop, "theirs", paused=True).status_code == 200
    assert edit(people, "few", shop, "theirs", deploymentRef={"name": "another"}).status_code == 403


def test_server_side_apply_and_update_are_judged_alike(people, shop):
    document = {
        "apiVersion": VERSION,
        "kind": "TaskQueue",
        "metadata": {"name": "applied"},
        "spec": {"worker": WORKER},
    }
    path = f"{collection(VERSION, 'TaskQueue', shop)}/applied"
    apply = {"Content-Type": "application/apply-patch+yaml"}
    answer = people.call("PATCH", path + "?fieldManager=x", document, headers=apply | impersonated("few"))
    assert answer.status_code == 403
    made = put(people, "few", shop, "applied", limits={"maxConcurrency": 1}).json()
    made["spec"]["worker"] = WORKER
    assert people.call("PUT", path, made, headers=impersonated("few")).status_code == 403
