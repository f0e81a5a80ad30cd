"""What the chart makes: closed pods, one store, rights that are no wider than said."""

from __future__ import annotations

from typing import Any

import pytest
from rendered_chart import Helm, Objects, containers

from taskjob.spec.worker import WorkerSpec
from taskjob_operator.resources.pod import pod_template

EVERYTHING = ("metrics.serviceMonitor.enabled=true", "workerNamespaces={default,media}", "api.tokensSecret=tokens")
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


@pytest.fixture(scope="module")
def everything(helm: Helm) -> Objects:
    return helm.render(*EVERYTHING)


def test_every_pod_passes_pod_security_restricted(everything: Objects) -> None:
    found = containers(everything)

    assert {"StatefulSet/taskjob-api", "Deployment/taskjob-operator", "Pod/taskjob-test"} == {
        one for one, _, _ in found
    }
    for _, pod, container in found:
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_every_container_says_what_it_needs_and_runs_no_shell(everything: Objects) -> None:
    for _, _, container in containers(everything):
        assert container["resources"]["requests"]
        assert container["resources"]["limits"]["memory"]
        assert container["command"][0] in {"taskjob", "python"}


def test_servers_are_probed(everything: Objects) -> None:
    for kind, name in (("StatefulSet", "taskjob-api"), ("Deployment", "taskjob-operator")):
        [container] = everything[kind, name]["spec"]["template"]["spec"]["containers"]
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()


def test_objects_name_their_namespace_unless_they_have_none(everything: Objects) -> None:
    for (kind, name), one in everything.items():
        assert (kind in CLUSTER_WIDE) == ("namespace" not in one["metadata"]), (kind, name)


def test_a_namespace_may_look_like_a_number_or_a_truth_value(helm: Helm) -> None:
    objects = helm.render("workerNamespaces={on}", namespace="2024")

    assert {None, "2024", "on"} == {one["metadata"].get("namespace") for one in objects.values()}


def test_the_workers_that_the_operator_makes_are_let_through_to_the_gateway(everything: Objects) -> None:
    worker = WorkerSpec(image="a", modules=["tasks"])
    labels = pod_template(worker, queue="images", gateway_url="tcp://api:8081")["metadata"]["labels"]

    policy = everything["NetworkPolicy", "taskjob-api"]
    [gateway] = [rule for rule in policy["spec"]["ingress"] if {"port": 8081} in rule["ports"]]
    [peer] = gateway["from"]
    assert {} == peer["namespaceSelector"]
    assert peer["podSelector"]["matchLabels"].items() <= labels.items()


def test_two_releases_share_no_cluster_wide_object_but_the_definitions(helm: Helm) -> None:
    here, there = (helm.render(release=release) for release in ("one", "two"))

    shared = {key for key in here.keys() & there.keys() if key[0] in CLUSTER_WIDE}

    assert {kind for kind, _ in shared} <= {"CustomResourceDefinition"}


def test_there_is_no_secret_to_invent_and_nothing_blocks_a_drain(everything: Objects) -> None:
    assert {"Secret", "PodDisruptionBudget"} & {kind for kind, _ in everything} == set()


def test_jobs_results_and_logs_lie_on_the_claim(everything: Objects) -> None:
    stateful: dict[str, Any] = everything["StatefulSet", "taskjob-api"]["spec"]
    [container] = stateful["template"]["spec"]["containers"]
    environment = {one["name"]: one.get("value") for one in container["env"]}
    [claim] = stateful["volumeClaimTemplates"]
    [mount] = [one for one in container["volumeMounts"] if one["name"] == claim["metadata"]["name"]]

    assert environment["TASKJOB_STORE"].startswith(f"sqlite:///{mount['mountPath']}/")
    assert environment["TASKJOB_ARTIFACTS"].startswith(mount["mountPath"] + "/")
    assert stateful["replicas"] == 1
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]


def test_without_persistence_there_is_no_claim(helm: Helm) -> None:
    stateful = helm.render("store.persistence.enabled=false")["StatefulSet", "taskjob-api"]["spec"]

    assert "volumeClaimTemplates" not in stateful
    assert {"name": "data", "emptyDir": {}} in stateful["template"]["spec"]["volumes"]


def test_a_digest_wins_over_a_tag(helm: Helm) -> None:
    digest = "sha256:" + "0" * 64
    found = containers(helm.render("image.tag=v1", f"image.digest={digest}", "image.repository=here/taskjob"))

    assert {container["image"] for _, _, container in found} == {f"here/taskjob@{digest}"}


def test_definitions_survive_an_uninstall_unless_told_otherwise(helm: Helm) -> None:
    def policies(*settings: str) -> set[str | None]:
        objects = helm.render(*settings)
        crds = [one["metadata"] for (kind, _), one in objects.items() if kind == "CustomResourceDefinition"]
        return {one.get("annotations", {}).get("helm.sh/resource-policy") for one in crds}

    assert policies() == {"keep"}
    assert policies("crds.keep=false") == {None}
    assert policies("crds.install=false") == set()


def test_the_workers_account_outlives_the_release(helm: Helm) -> None:
    """Their tokens are bound to its UID: a deleted and made again one would shut them out."""
    account = helm.render("workerNamespaces={media}")["ServiceAccount", "media/taskjob-worker"]

    assert {"helm.sh/resource-policy": "keep"} == account["metadata"]["annotations"]


def test_names_stay_within_their_limits_and_differ(helm: Helm) -> None:
    objects = helm.render(release="a-release-with-quite-a-long-name-that-goes-on", namespace="n" * 63)

    assert max(len(name.rpartition("/")[2]) for _, name in objects) <= 63


def test_monitors_are_off_unless_asked_for(helm: Helm, everything: Objects) -> None:
    assert ("ServiceMonitor", "taskjob-api") in everything
    assert not {"ServiceMonitor", "PodMonitor"} & {kind for kind, _ in helm.render()}


def test_the_operator_gets_rights_over_pods_in_worker_namespaces_only(everything: Objects) -> None:
    """No binding for the whole cluster reaches Deployments or pods; one in each worker namespace does."""
    bound = {one["roleRef"]["name"] for (kind, _), one in everything.items() if kind == "ClusterRoleBinding"}
    of_pods = {
        name
        for (kind, name), one in everything.items()
        if kind == "ClusterRole" and any({"deployments", "pods"} & set(rule["resources"]) for rule in one["rules"])
    }

    assert not bound & of_pods
    for namespace in ("default", "media"):
        binding = everything["RoleBinding", f"{namespace}/taskjob-operator-workers"]
        assert {binding["roleRef"]["name"]} == of_pods
        assert everything["ServiceAccount", f"{namespace}/taskjob-worker"]["automountServiceAccountToken"] is False


def test_an_operator_that_watches_some_namespaces_has_no_rights_over_the_others(helm: Helm) -> None:
    objects = helm.render("operator.watchNamespaces={media,mail}", "workerNamespaces={media}")

    ours = {
        name
        for (kind, name), one in objects.items()
        if kind == "ClusterRole" and any("taskjob.dev" in rule["apiGroups"] for rule in one["rules"])
    }
    bound = [one for (kind, _), one in objects.items() if kind == "ClusterRoleBinding"]
    assert not [one for one in bound if one["roleRef"]["name"] in ours]
    for namespace in ("media", "mail"):
        binding = objects["RoleBinding", f"{namespace}/taskjob-operator"]
        assert ("ClusterRole", "taskjob-operator") == (binding["roleRef"]["kind"], binding["roleRef"]["name"])


def test_a_cluster_with_a_name_of_its_own_is_asked_for_no_uid(helm: Helm, everything: Objects) -> None:
    assert ("ClusterRoleBinding", "taskjob-operator-cluster-id") in everything
    assert ("ClusterRoleBinding", "taskjob-operator-cluster-id") not in helm.render("operator.clusterId=mine")


def test_nobody_may_write_a_status_but_the_operator(everything: Objects) -> None:
    writers = {
        name
        for (kind, name), one in everything.items()
        if kind == "ClusterRole"
        for rule in one["rules"]
        if any(resource.endswith("/status") for resource in rule["resources"])
    }

    assert {"taskjob-operator"} == writers


def test_the_operator_may_say_what_happened_and_neither_read_nor_change_it(everything: Objects) -> None:
    speakers = {
        (name, *rule["apiGroups"], *rule["verbs"])
        for (kind, name), one in everything.items()
        if kind in {"ClusterRole", "Role"}
        for rule in one["rules"]
        if "events" in rule["resources"]
    }

    assert {("taskjob-operator", "events.k8s.io", "create")} == speakers


def test_no_right_is_a_wildcard_and_secrets_are_nobodys(everything: Objects) -> None:
    for (kind, name), one in everything.items():
        for rule in one.get("rules", []) if kind in {"ClusterRole", "Role"} else []:
            assert "*" not in {*rule["verbs"], *rule["resources"], *rule["apiGroups"]}, name
            assert "secrets" not in rule["resources"], name


def test_rights_of_people_and_the_admission_policy_can_be_left_to_others(helm: Helm, everything: Objects) -> None:
    bare = helm.render("rbac.aggregateToDefaultRoles=false", "admissionPolicy.enabled=false")

    assert ("ClusterRole", "taskjob-edit") in everything
    assert ("ClusterRole", "taskjob-edit") not in bare
    assert ("ValidatingAdmissionPolicy", "taskjob-taskqueue-workers") in everything
    assert ("ValidatingAdmissionPolicy", "taskjob-taskqueue-workers") not in bare
