"""An administrator of a real cluster who makes namespaces, accounts, pods, rights and tokens for a test, and the
project's own RBAC under names that meet no installation."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import yaml

from taskjob_api.kubernetes.target import from_kubeconfig

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests/base"
RIGHTS = "rbac.authorization.k8s.io/v1"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}
PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "CustomResourceDefinition": "customresourcedefinitions",
    "Deployment": "deployments",
    "Namespace": "namespaces",
    "Pod": "pods",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "TaskJob": "taskjobs",
    "TaskQueue": "taskqueues",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}


class People:
    """Made once for a run of tests. `made` is taken away by `leave`."""

    def __init__(self, kubeconfig: Path) -> None:
        self.target = from_kubeconfig(kubeconfig)
        self.kubeconfig = kubeconfig
        self.mark = f"identity-{secrets.token_hex(3)}"
        self.made: list[str] = []
        self.http = httpx2.Client(
            base_url=self.target.server, verify=self.target.context(), headers=self.target.headers(), timeout=30
        )

    def leave(self) -> None:
        for path in reversed(self.made):
            self.http.delete(path, params={"propagationPolicy": "Background"})
        self.http.close()

    def call(self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Any:
        """The answer, whatever its status."""
        return self.http.request(method, path, json=body, headers=headers)

    def create(self, kind: str, name: str, namespace: str | None = None, *, version: str = "v1", **fields: Any) -> Any:
        document = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}
        path = collection(version, kind, namespace)
        answer = self.call("POST", path, document)
        assert answer.status_code == 201, answer.text
        self.made.append(f"{path}/{name}")
        return answer.json()

    def apply(self, document: dict[str, Any]) -> None:
        metadata = document["metadata"]
        path = f"{collection(document['apiVersion'], document['kind'], metadata.get('namespace'))}/{metadata['name']}"
        answer = self.http.patch(
            path,
            content=yaml.safe_dump(document).encode(),
            params={"fieldManager": "tests", "force": "true", "fieldValidation": "Strict"},
            headers=APPLY,
        )
        assert answer.status_code in {200, 201}, answer.text
        if answer.status_code == 201:
            self.made.append(path)

    def namespace(self, name: str) -> str:
        full = f"{self.mark}-{name}"
        self.create("Namespace", full)
        return full

    def account(self, namespace: str, name: str) -> str:
        """Its name as a user."""
        self.create("ServiceAccount", name, namespace)
        return f"system:serviceaccount:{namespace}:{name}"

    def pod(self, namespace: str, account: str) -> dict[str, str]:
        """A pod that nobody schedules: its object is all that a token is bound to."""
        name = f"pod-{secrets.token_hex(3)}"
        spec = {
            "serviceAccountName": account,
            "schedulerName": "nobody",
            "automountServiceAccountToken": False,
            "containers": [{"name": "worker", "image": "none"}],
        }
        made = self.create("Pod", name, namespace, spec=spec)
        return {"kind": "Pod", "apiVersion": "v1", "name": name, "uid": made["metadata"]["uid"]}

    def token(
        self, namespace: str, account: str, *audiences: str, pod: dict[str, str] | None = None, seconds: int = 3600
    ) -> str:
        spec: dict[str, Any] = {"audiences": list(audiences), "expirationSeconds": seconds}
        if pod is not None:
            spec["boundObjectRef"] = pod
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = self.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", request)
        assert answer.status_code == 201, answer.text
        token: str = answer.json()["status"]["token"]
        return token

    def bind(self, namespace: str, user: str, role: str, *, kind: str = "ClusterRole") -> str:
        """Give a user a role in a namespace, and wait until the authorizer has heard of it; the path of the binding."""
        before = self._rules(namespace, user)
        name = f"bound-{secrets.token_hex(3)}"
        subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}
        self.create("RoleBinding", name, namespace, version=RIGHTS, roleRef=reference, subjects=[subject])
        end = time.monotonic() + 60
        while self._rules(namespace, user) == before:
            assert time.monotonic() < end, f"{role} gave {user} nothing"
            time.sleep(0.02)
        return f"{collection(RIGHTS, 'RoleBinding', namespace)}/{name}"

    def _rules(self, namespace: str, user: str) -> Any:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        headers = {"Impersonate-User": user}
        answer = self.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()["status"]["resourceRules"]

    def role(self, namespace: str, *rules: dict[str, Any]) -> str:
        name = f"role-{secrets.token_hex(3)}"
        self.create("Role", name, namespace, version=RIGHTS, rules=list(rules))
        return name

    def may(
        self, user: str, verb: str, resource: str, namespace: str = "", *, group: str = "taskjob.dev", name: str = ""
    ) -> bool:
        """What the API server itself says of a user with the groups that it has; resource as `taskjobs/status`."""
        plural, _, subresource = resource.partition("/")
        attributes = {
            "verb": verb,
            "group": group,
            "resource": plural,
            "subresource": subresource,
            "namespace": namespace,
            "name": name,
        }
        groups = ["system:authenticated"]
        if user.startswith("system:serviceaccount:"):
            groups += ["system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}"]
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": groups, "resourceAttributes": attributes},
        }
        answer = self.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        assert answer.status_code == 201, answer.text
        return bool(answer.json()["status"]["allowed"])

    def install(self) -> str:
        """The definitions where they are missing (they stay: others may use them), and the project's RBAC, which goes.
        The namespace of api and operator."""
        for file in sorted((ROOT / "crds").glob("*.yaml")):
            definition = yaml.safe_load(file.read_text())
            path = collection(definition["apiVersion"], definition["kind"]) + "/" + definition["metadata"]["name"]
            if self.call("GET", path).status_code == 404:
                self.apply(definition)
                self.made.pop()
        system = self.namespace("system")
        for document in self._renamed([MANIFESTS / "rights.yaml"], system):
            self.apply(document)
        return system

    def open_to_workers(self, namespace: str, system: str) -> None:
        for document in self._renamed([MANIFESTS / "worker-namespace/workers.yaml"], system):
            self.apply({**document, "metadata": {**document["metadata"], "namespace": namespace}})

    def _renamed(self, files: list[Path], system: str) -> Iterator[dict[str, Any]]:
        """With a mark in the name of what belongs to the whole cluster."""
        for file in files:
            text = file.read_text().replace("namespace: taskjob-system", f"namespace: {system}")
            for document in yaml.safe_load_all(text):
                if "namespace" not in document["metadata"] and document["kind"] not in {
                    "ServiceAccount",
                    "RoleBinding",
                }:
                    document["metadata"]["name"] = f"{self.mark}-{document['metadata']['name']}"
                reference = document.get("roleRef", {})
                if reference.get("kind") == "ClusterRole" and not reference["name"].startswith("system:"):
                    reference["name"] = f"{self.mark}-{reference['name']}"
                if document["kind"] == "ValidatingAdmissionPolicyBinding":
                    document["spec"]["policyName"] = f"{self.mark}-{document['spec']['policyName']}"
                yield document


def collection(version: str, kind: str, namespace: str | None = None) -> str:
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{root}/namespaces/{namespace}/{PLURALS[kind]}" if namespace else f"{root}/{PLURALS[kind]}"
