"""Pods of the simulated cluster as the Kubernetes API shows them."""

from simulator import chance
from simulator.lives import ContainerLife, PodLife, PodState, node_name
from simulator.node_objects import pod_address
from simulator.objects import Endpoint, KubernetesObject, rfc3339
from simulator.population import UNSCHEDULABLE
from simulator.waves import ANCHOR_S
from simulator.workloads import ContainerSpec


def pod_object(state: PodState, endpoint: Endpoint, node: str) -> KubernetesObject:
    """A pod on that node, whose kubelet is at the endpoint."""
    life = state.life
    return {
        "metadata": _pod_metadata(state),
        "spec": {
            "nodeName": node,
            "restartPolicy": "OnFailure" if life.workload.finishes else "Always",
            "containers": [_container(container.spec) for container in life.containers],
            **({"hostNetwork": True} if life.workload.host_network else {}),
            **_init_containers(life),
            **_volumes(life),
        },
        "status": {
            "phase": state.phase,
            "hostIP": endpoint.address,
            "podIP": endpoint.address if life.workload.host_network else pod_address(life.node, life.slot + 2),
            "startTime": rfc3339(life.created_s + 1),
            "containerStatuses": [
                _container_status(state, container, restarts)
                for container, restarts in zip(life.containers, state.restarts, strict=True)
            ],
            **_init_statuses(life),
        },
    }


def unschedulable_pod(seed: int) -> KubernetesObject:
    """A pod that no node has room for: Pending for ever."""
    reason = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    return {
        "metadata": {
            "name": f"{UNSCHEDULABLE.name}-0",
            "namespace": UNSCHEDULABLE.namespace,
            "uid": chance.uid(seed, UNSCHEDULABLE.name),
            "creationTimestamp": rfc3339(ANCHOR_S),
            "labels": dict(UNSCHEDULABLE.labels),
        },
        "spec": {"containers": [_container(spec) for spec in UNSCHEDULABLE.containers]},
        "status": {"phase": "Pending", "conditions": [reason]},
    }


def _pod_metadata(state: PodState) -> KubernetesObject:
    life = state.life
    labels = dict(life.workload.labels)
    if life.workload.relabelled:
        labels["track"] = "canary" if state.relabelled % 2 else "stable"
    kind, owner = _owner(life)
    if kind == "ReplicaSet":
        labels["pod-template-hash"] = owner.rpartition("-")[2]
    return {
        "name": life.name,
        "namespace": life.workload.namespace,
        "uid": life.uid,
        "creationTimestamp": rfc3339(life.created_s),
        "labels": labels,
        **({"annotations": {"kubernetes.io/config.mirror": life.kubelet_uid}} if life.workload.static else {}),
        **({"ownerReferences": [_owner_reference(kind, owner)]} if kind else {}),
        **({"deletionTimestamp": rfc3339(life.ends_s)} if state.terminating else {}),
    }


def _owner_reference(kind: str, name: str) -> KubernetesObject:
    version = {"Node": "v1", "Job": "batch/v1"}.get(kind, "apps/v1")
    return {"apiVersion": version, "kind": kind, "name": name, "uid": chance.uid(kind, name), "controller": True}


def _owner(life: PodLife) -> tuple[str, str]:
    """Kind and name of what controls the pod; empty if nothing does."""
    workload = life.workload
    if workload.owner is None:
        return "", ""
    if workload.owner == "Deployment":
        return "ReplicaSet", life.name.rpartition("-")[0]
    if workload.owner == "CronJob":
        return "Job", f"{workload.name}-{life.created_s // 60}"
    return workload.owner, node_name(life.node) if workload.owner == "Node" else workload.name


def _container(spec: ContainerSpec) -> KubernetesObject:
    resources = {"requests": dict(spec.requests), "limits": dict(spec.limits)}
    return {
        "name": spec.name,
        "image": spec.image,
        "resources": {name: quantities for name, quantities in resources.items() if quantities},
    }


def _container_status(state: PodState, container: ContainerLife, restarts: int) -> KubernetesObject:
    status: dict[str, object] = {
        "name": container.spec.name,
        "image": container.spec.image,
        "imageID": f"sha256:{chance.hexadecimal(container.spec.image)}",
        "ready": state.phase == "Running" and not container.spec.crash_loops,
        "restartCount": restarts,
        "state": _container_state(state, container, restarts),
    }
    if restarts:
        finished_at = rfc3339(container.death_s(restarts - 1))
        status["lastState"] = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": finished_at}}
    return status


def _container_state(state: PodState, container: ContainerLife, restarts: int) -> KubernetesObject:
    if state.phase == "Pending":
        return {"waiting": {"reason": "ContainerCreating"}}
    if container.spec.crash_loops:
        return {"waiting": {"reason": "CrashLoopBackOff"}}
    started_at = rfc3339(container.start_s(restarts))
    if state.phase == "Succeeded":
        finished_at = rfc3339(state.life.finished_s)
        return {
            "terminated": {"exitCode": 0, "reason": "Completed", "startedAt": started_at, "finishedAt": finished_at}
        }
    return {"running": {"startedAt": started_at}}


def _init_containers(life: PodLife) -> KubernetesObject:
    name = life.workload.init_container
    return {"initContainers": [{"name": name, "image": _init_image(name)}]} if name else {}


def _init_statuses(life: PodLife) -> KubernetesObject:
    name = life.workload.init_container
    if name is None:
        return {}
    status = {
        "name": name,
        "image": _init_image(name),
        "imageID": f"sha256:{chance.hexadecimal(name)}",
        "ready": True,
        "restartCount": 0,
        "state": {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": rfc3339(life.created_s + 1)}},
    }
    return {"initContainerStatuses": [status]}


def _init_image(name: str) -> str:
    return f"registry.example/{name}:1"


def _volumes(life: PodLife) -> KubernetesObject:
    claimed = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in life.workload.volumes]
    return {"volumes": claimed} if claimed else {}
