"""Custom resources on a real API server, as a program handles them."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import kubernetes

Object = dict[str, Any]


def connect(kubeconfig: Path) -> kubernetes.client.ApiClient:
    return kubernetes.config.new_client_from_config(str(kubeconfig))


class RefusedError(Exception):
    """What the server said no with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Objects:
    """The objects of one kind in one namespace. A refusal is raised as `RefusedError`."""

    def __init__(self, client: kubernetes.client.ApiClient, group: str, kind: str, plural: str, namespace: str) -> None:
        self.kind = kind
        self.api_version = f"{group}/v1alpha1"
        self._api = kubernetes.client.CustomObjectsApi(client)
        self._where = {"group": group, "version": "v1alpha1", "namespace": namespace, "plural": plural}

    def create(self, spec: Object, name: str | None = None, **metadata: Any) -> Object:
        """With strict validation, as kubectl asks for it. Without a name, one of its own."""
        if "generateName" not in metadata:
            metadata["name"] = name or f"a{secrets.token_hex(4)}"
        body = {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, "spec": spec}
        return self._call(self._api.create_namespaced_custom_object, body=body, field_validation="Strict")

    def get(self, name: str) -> Object:
        return self._call(self._api.get_namespaced_custom_object, name=name)

    def scale(self, name: str) -> Object:
        return self._call(self._api.get_namespaced_custom_object_scale, name=name)

    def select(self, selector: str) -> list[str]:
        found = self._call(self._api.list_namespaced_custom_object, field_selector=selector)
        return sorted(item["metadata"]["name"] for item in found["items"])

    def merge(self, obj: Object, spec: Object) -> Object:
        """A merge patch of the spec; None unsets a field."""
        return self._call(
            self._api.patch_namespaced_custom_object,
            name=obj["metadata"]["name"],
            body={"spec": spec},
            _content_type="application/merge-patch+json",
        )

    def write_status(self, obj: Object, status: Object, uid: str | None = None) -> Object:
        """As the operator writes it: fenced by the UID, the whole status at once."""
        return self.patch_status(
            obj,
            {"op": "test", "path": "/metadata/uid", "value": uid or obj["metadata"]["uid"]},
            {"op": "add", "path": "/status", "value": status},
        )

    def patch_status(self, obj: Object, *operations: Object) -> Object:
        return self._call(
            self._api.patch_namespaced_custom_object_status,
            name=obj["metadata"]["name"],
            body=list(operations),
            _content_type="application/json-patch+json",
        )

    def _call(self, verb: Any, **arguments: Any) -> Any:
        try:
            return verb(**self._where, **arguments, _request_timeout=30)
        except kubernetes.client.ApiException as error:
            raise RefusedError(error.status, json.loads(error.body)["message"]) from None
