"""The workers that a TaskQueue declares, brought to what it says, and how they are afterwards.

Every look begins from what is there; stopping between any two calls leaves something that the next look completes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from taskjob_operator.kube.errors import KubeError
from taskjob_operator.queues import trouble as troubles
from taskjob_operator.queues.cluster import DEPLOYMENTS, DISRUPTION_BUDGETS, SERVICE_ACCOUNTS, Cluster, Object
from taskjob_operator.queues.declaration import Declaration
from taskjob_operator.queues.pool import Pool, pool_of
from taskjob_operator.queues.sharing import conflict
from taskjob_operator.queues.trouble import Trouble
from taskjob_operator.resources.deployment import deployment, replicas_of
from taskjob_operator.resources.disruption_budget import disruption_budget
from taskjob_operator.resources.names import (
    FIELD_MANAGER,
    GROUP,
    WORKER_ACCOUNT,
    selector_labels,
    workload_name,
)
from taskjob_operator.resources.service_account import refusal

LOOKED_AT_PODS = 50
"""Pods read to find out what is wrong: one shows what a thousand have."""


class Workers:
    """`on_scaled` hears of each other number of replicas that a Deployment was given: for which TaskQueue, how the
    Deployment was, and the number."""

    def __init__(self, cluster: Cluster, *, gateway_url: str, on_scaled: Callable[[Object, Object, int], None]) -> None:
        self._cluster = cluster
        self._on_scaled = on_scaled
        self._gateway_url = gateway_url
        self._applied: dict[str, tuple[str, int]] = {}
        """Deployment's UID → digest of what was applied last, and its generation after that. Lost at a restart,
        which costs one apply that changes nothing."""

    async def bring(self, queue: Object, declared: Declaration) -> Pool:
        """The pool after it was brought to what is declared; what stands in the way is its `trouble`."""
        namespace = queue["metadata"]["namespace"]
        spec = declared.spec
        if spec is None or declared.refused is not None:
            return await self._as_it_is(queue)
        try:
            if spec.worker is not None:
                return await self._own(queue, declared)
            if spec.deployment_ref is not None:
                pool = await self._referred(queue, spec.deployment_ref.name, declared)
                if spec.deployment_ref.name != workload_name(queue["metadata"]["name"]):
                    await self._drain_own(queue, declared)
                return pool
        except KubeError as error:
            found = troubles.of_refusal(error, namespace)
            if found is None:
                raise
            return msgspec.structs.replace(await self._as_it_is(queue), declared=True, trouble=found)
        await self._drain_own(queue, declared)
        return Pool()

    async def _own(self, queue: Object, declared: Declaration) -> Pool:
        namespace, name = queue["metadata"]["namespace"], queue["metadata"]["name"]
        spec = declared.spec
        assert spec is not None
        assert spec.worker is not None
        live = await self._cluster.find(DEPLOYMENTS, namespace, workload_name(name))
        if live is not None and (taken := _taken(live, queue)) is not None:
            return Pool(declared=True, desired=declared.replicas, trouble=taken)
        account = spec.worker.service_account_name or WORKER_ACCOUNT
        refused = refusal(await self._cluster.find(SERVICE_ACCOUNTS, namespace, account), account, namespace)
        if refused is not None:
            forbidden = Trouble(condition="WorkersForbidden", reason="WorkersForbidden", message=refused, final=True)
            if live is None:
                return Pool(declared=True, desired=declared.replicas, trouble=forbidden)
            return pool_of(live, desired=_wanted(live, declared), trouble=forbidden)
        live = await self._apply(queue, declared, live)
        await self._budget(queue, _wanted(live, declared))
        return await self._judged(live, namespace, _wanted(live, declared))

    async def _apply(self, queue: Object, declared: Declaration, live: Object | None) -> Object:
        """Replicas belong to a manager of their own before the rest is applied without them: what nobody owns, the
        API server would set back to its default."""
        metadata = queue["metadata"]
        assert declared.spec is not None
        assert declared.spec.worker is not None
        desired = deployment(
            declared.spec.worker,
            namespace=metadata["namespace"],
            queue=metadata["name"],
            owner_uid=metadata["uid"],
            gateway_url=self._gateway_url,
            replicas=declared.replicas if live is None else None,
        )
        if live is None:
            live = await self._cluster.apply(DEPLOYMENTS, desired, uid=None)
            desired["spec"].pop("replicas")
        elif self._is_applied(live, desired) and live["spec"].get("replicas") == _wanted(live, declared):
            return live
        uid, wanted = live["metadata"]["uid"], _wanted(live, declared)
        if live["spec"].get("replicas") != wanted or not _owned_apart(live):
            await self._cluster.apply_replicas(
                replicas_of(metadata["namespace"], workload_name(metadata["name"]), wanted)
            )
            self._on_scaled(queue, live, wanted)
        live = await self._cluster.apply(DEPLOYMENTS, desired, uid=uid)
        self._applied[uid] = (_digest(desired), live["metadata"].get("generation", 0))
        return live

    def _is_applied(self, live: Object, desired: Object) -> bool:
        """Nothing changed since this process applied it: neither what is wanted nor what is there."""
        applied = self._applied.get(live["metadata"]["uid"])
        return applied == (_digest(desired), live["metadata"].get("generation", 0))

    async def _budget(self, queue: Object, replicas: int) -> None:
        metadata = queue["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        live = await self._cluster.find(DISRUPTION_BUDGETS, namespace, workload_name(name))
        if live is not None and not _is_controlled_by(live, metadata["uid"]):
            return
        desired = disruption_budget(namespace=namespace, queue=name, owner_uid=metadata["uid"], replicas=replicas)
        if desired is None:
            if live is not None:
                await self._cluster.delete(DISRUPTION_BUDGETS, live)
        elif live is None or any(live["spec"].get(key) != value for key, value in desired["spec"].items()):
            uid = None if live is None else live["metadata"]["uid"]
            await self._cluster.apply(DISRUPTION_BUDGETS, desired, uid=uid)

    async def _referred(self, queue: Object, name: str, declared: Declaration) -> Pool:
        """Someone else's Deployment: observed, and scaled in mode Manual. Its template is never touched."""
        namespace = queue["metadata"]["namespace"]
        live = await self._cluster.find(DEPLOYMENTS, namespace, name)
        if live is None:
            missing = Trouble(reason="DeploymentNotFound", message=f"there is no Deployment {name} in {namespace}")
            return Pool(declared=True, desired=declared.replicas, trouble=missing)
        wanted = _wanted(live, declared)
        contested = None
        if declared.mode == "Manual":
            contested = conflict(live, queue, wanted, await self._cluster.queues(namespace))
        if contested is None and live["spec"].get("replicas") != wanted:
            await self._cluster.scale(namespace, name, wanted)
            self._on_scaled(queue, live, wanted)
        # How long its pods may drain is its owner's to say, beside their grace period.
        pool = msgspec.structs.replace(await self._judged(live, namespace, wanted), drain_seconds=None)
        return pool if contested is None else msgspec.structs.replace(pool, trouble=contested)

    async def _judged(self, live: Object, namespace: str, wanted: int) -> Pool:
        pool = pool_of(live, desired=wanted)
        found = troubles.of_deployment(live)
        if found is None and (pool.ready < wanted or pool.rolling) and pool.selector:
            found = troubles.of_pods(await self._cluster.pods(namespace, pool.selector, limit=LOOKED_AT_PODS))
        return msgspec.structs.replace(pool, trouble=found)

    async def _drain_own(self, queue: Object, declared: Declaration) -> None:
        """Workers from before the spec declared none go. The Deployment stays without any, until the TaskQueue goes or
        declares some again: the operator has no right to delete one."""
        live = await self._find_own(queue)
        if live is not None and declared.mode == "Manual" and live["spec"].get("replicas") != 0:
            metadata = live["metadata"]
            await self._cluster.apply_replicas(replicas_of(metadata["namespace"], metadata["name"], 0))
            self._on_scaled(queue, live, 0)

    async def _as_it_is(self, queue: Object) -> Pool:
        """Workers from before the spec became one that cannot be followed: left alone, and shown."""
        live = await self._find_own(queue)
        return Pool() if live is None else pool_of(live, desired=None)

    async def _find_own(self, queue: Object) -> Object | None:
        """The Deployment that the operator made for it, where it may look."""
        namespace, name = queue["metadata"]["namespace"], queue["metadata"]["name"]
        try:
            live = await self._cluster.find(DEPLOYMENTS, namespace, workload_name(name))
        except KubeError as error:
            if error.status != 403:
                raise
            return None
        return live if live is not None and _is_controlled_by(live, queue["metadata"]["uid"]) else None


def _wanted(live: Object, declared: Declaration) -> int:
    """In mode Disabled whatever it is."""
    if declared.mode == "Disabled":
        return int(live["spec"].get("replicas", 1))
    return declared.replicas


def _taken(live: Object, queue: Object) -> Trouble | None:
    """A Deployment of this name that is not this TaskQueue's: never taken over."""
    name, metadata = live["metadata"]["name"], queue["metadata"]
    if _is_controlled_by(live, metadata["uid"]):
        return None
    controller = next((each for each in live["metadata"].get("ownerReferences") or () if each.get("controller")), None)
    if controller is None:
        labels = live["metadata"].get("labels") or {}
        if selector_labels(metadata["name"]).items() <= labels.items():
            return None  # ours, left behind by `kubectl delete --cascade=orphan`
        return Trouble(
            reason="NameTaken", message=f"Deployment {name} was made by someone else: delete or rename it", final=True
        )
    same = controller.get("kind") == "TaskQueue" and controller.get("name") == metadata["name"]
    if same and str(controller.get("apiVersion", "")).startswith(f"{GROUP}/"):
        return Trouble(reason="PredecessorStopping", message="the workers of the deleted namesake are still draining")
    owner = f"{controller.get('kind')} {controller.get('name')}"
    return Trouble(reason="NameTaken", message=f"Deployment {name} belongs to {owner}", final=True)


def _is_controlled_by(live: Object, uid: str) -> bool:
    return any(
        each.get("controller") and each.get("uid") == uid for each in live["metadata"].get("ownerReferences") or ()
    )


def _owned_apart(live: Object) -> bool:
    """Someone beside the manager of the template owns `spec.replicas`."""
    for entry in live["metadata"].get("managedFields") or ():
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply":
            continue
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}):
            return True
    return False


def _digest(desired: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(desired)).hexdigest()
