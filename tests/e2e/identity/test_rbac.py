"""The rights that the project's manifests give, asked of a real API server: enough, and nothing beyond."""

from __future__ import annotations

import pytest

CORE, APPS, POLICY, LEASES = "", "apps", "policy", "coordination.k8s.io"
EVENTS, RBAC = "events.k8s.io", "rbac.authorization.k8s.io"


@pytest.fixture
def operator(system):
    return f"system:serviceaccount:{system}:taskjob-operator"


@pytest.fixture
def opened(people, media, system):
    """A namespace that is opened to workers."""
    people.open_to_workers(media, system)
    return media


def test_the_operator_reads_our_kinds_everywhere_and_writes_their_status_only(people, operator, other):
    for resource in ("taskjobs", "taskqueues"):
        assert all(people.may(operator, verb, resource) for verb in ("get", "list", "watch"))
        assert people.may(operator, "patch", f"{resource}/status", other)
        assert not any(people.may(operator, verb, resource, other) for verb in ("create", "update", "patch"))
        assert not any(people.may(operator, verb, f"{resource}/status", other) for verb in ("update", "create", "get"))
        assert not people.may(operator, "deletecollection", resource, other)
    assert people.may(operator, "delete", "taskjobs", other)
    assert not people.may(operator, "delete", "taskqueues", other)
    assert not people.may(operator, "create", "taskqueues/leases", other)


@pytest.mark.parametrize(
    ("group", "resource", "verbs"),
    [
        (APPS, "deployments", "get list watch create patch"),
        (APPS, "deployments/scale", "patch"),
        (POLICY, "poddisruptionbudgets", "get create patch delete"),
        (CORE, "pods", "get list watch"),
        (CORE, "serviceaccounts", "get"),
    ],
)
def test_the_operator_makes_workers_where_a_namespace_was_opened(
    people, operator, opened, other, group, resource, verbs
):
    every = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    given = {verb for verb in every if people.may(operator, verb, resource, opened, group=group)}
    elsewhere = {verb for verb in every if people.may(operator, verb, resource, other, group=group)}
    whole = {verb for verb in every if people.may(operator, verb, resource, group=group)}

    assert (given, elsewhere, whole) == (set(verbs.split()), set(), set())


def test_the_operator_has_no_way_to_more(people, operator, opened, system):
    for namespace in (opened, system, "kube-system"):
        for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
            assert not people.may(operator, verb, "secrets", namespace, group=CORE)
            assert not people.may(operator, verb, "rolebindings", namespace, group=RBAC)
            assert not people.may(operator, verb, "clusterroles", group=RBAC)
        for verb in ("create", "patch", "update", "delete"):
            assert not people.may(operator, verb, "pods", namespace, group=CORE)
            assert not people.may(operator, verb, "serviceaccounts", namespace, group=CORE)
        for resource in ("pods/exec", "pods/attach", "pods/portforward", "pods/eviction", "serviceaccounts/token"):
            assert not people.may(operator, "create", resource, namespace, group=CORE)
    assert not any(people.may(operator, verb, "users", group=CORE) for verb in ("impersonate", "*"))
    assert not people.may(operator, "create", "tokenreviews", group="authentication.k8s.io")


def test_the_operator_has_its_lease_one_namespaces_uid_and_a_voice(people, operator, opened, other, system):
    assert people.may(operator, "create", "leases", system, group=LEASES)
    assert all(
        people.may(operator, v, "leases", system, group=LEASES, name="taskjob-operator") for v in ("get", "update")
    )
    assert not people.may(operator, "update", "leases", system, group=LEASES, name="another")
    assert not any(people.may(operator, verb, "leases", opened, group=LEASES) for verb in ("create", "get", "update"))
    assert people.may(operator, "get", "namespaces", group=CORE, name="kube-system")
    assert not people.may(operator, "get", "namespaces", group=CORE, name="default")
    assert not people.may(operator, "list", "namespaces", group=CORE)
    every = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    may = {
        (group, verb)
        for group in (CORE, EVENTS)
        for verb in every
        if people.may(operator, verb, "events", other, group=group)
    }
    assert {(EVENTS, "create")} == may


def test_the_api_may_ask_and_nothing_else(people, system, opened):
    api = f"system:serviceaccount:{system}:taskjob-api"
    assert people.may(api, "create", "tokenreviews", group="authentication.k8s.io")
    assert people.may(api, "create", "subjectaccessreviews", group="authorization.k8s.io")
    for namespace in (system, opened):
        for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
            assert not people.may(api, verb, "taskjobs", namespace)
            assert not any(people.may(api, verb, kind, namespace, group=CORE) for kind in ("secrets", "pods"))


def test_a_worker_may_nothing_at_the_api_server(people, opened):
    worker = f"system:serviceaccount:{opened}:taskjob-worker"
    for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
        assert not people.may(worker, verb, "taskjobs", opened)
        assert not any(people.may(worker, verb, kind, opened, group=CORE) for kind in ("secrets", "pods", "configmaps"))


@pytest.mark.parametrize("role", ["view", "edit", "admin"])
def test_people_get_our_kinds_with_the_roles_they_have_and_nobody_a_status(people, media, system, role):
    user = f"{role}-{media}"
    people.bind(media, user, role)
    reading, writing = ("get", "list", "watch"), ("create", "update", "patch", "delete", "deletecollection")
    for resource in ("taskjobs", "taskqueues"):
        assert all(people.may(user, verb, resource, media) for verb in reading)
        assert {people.may(user, verb, resource, media) for verb in writing} == {role != "view"}
        assert not any(people.may(user, verb, f"{resource}/status", media) for verb in (*reading, *writing))
    assert people.may(user, "patch", "taskqueues/scale", media) == (role != "view")
    assert people.may(user, "create", "taskqueues/leases", media) == (role == "admin")
