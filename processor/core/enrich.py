"""Enrich: add what the Kubernetes API knows about pods, containers and namespaces (docs/processing.md, 6 and 7).

A pod that the API does not know (just deleted) stays as the kubelet reported it. A container of the pod spec that the
kubelet does not report (waiting or crashed) is added as a stub, so that its requests are part of all sums.
"""

from collections.abc import Iterable

from processor.core import labels
from processor.core.entity import Entities, Entity, of_type
from processor.core.labels import LabelRules
from processor.core.problems import Problems
from processor.core.resources import container_resources
from schemas.catalogue import POD, POD_CONTAINER, EntityType
from schemas.keys import pod_container_key, pod_key
from schemas.node_scrape import ApiContainer, ApiNamespace, ApiPod


def enrich_pods(entities: Entities, pods: Iterable[ApiPod], rules: LabelRules, problems: Problems) -> None:
    """Add labels, requests, limits, restart counts and creation times; add stubs of unreported containers and pods."""
    enricher = _PodEnricher(entities, pods, rules, problems)
    for container in of_type(entities, POD_CONTAINER):
        enricher.container(container)
    for pod in of_type(entities, POD):
        enricher.pod(pod)


def enrich_namespaces(entities: Entities, namespaces: Iterable[ApiNamespace]) -> None:
    """Add the namespace's uid, if the API knows it, to pods and their containers."""
    uids = {namespace.name: namespace.uid for namespace in namespaces}
    for entity in entities.values():
        if entity.namespace in uids:
            entity.labels[labels.NAMESPACE_ID] = uids[entity.namespace]


class _PodEnricher:
    def __init__(self, entities: Entities, pods: Iterable[ApiPod], rules: LabelRules, problems: Problems) -> None:
        self._entities = entities
        self._pods = {(pod.namespace, pod.name): pod for pod in pods}
        self._rules = rules
        self._entity_labels: dict[tuple[str, str], dict[str, str]] = {}  # cache, by namespace and name of the pod
        self._problems = problems

    def container(self, entity: Entity) -> None:
        """Enrich a container that the kubelet reports."""
        pod = self._pods.get((entity.namespace, entity.pod))
        if pod is None:
            return
        for spec in pod.containers:
            if spec.name == entity.container:
                entity.values.update(container_resources(spec, self._problems))
                entity.labels.setdefault(labels.CONTAINER_BASE_IMAGE, spec.image)
        if entity.container in pod.restarts:
            entity.values["restart_count"] = pod.restarts[entity.container]
            entity.entity_create_ns = pod.start_time_ns
        self._identify(entity, pod)
        if pod_key(pod.namespace, pod.name) not in self._entities:
            self._stub_pod(entity)

    def pod(self, entity: Entity) -> None:
        """Enrich a pod, reported or a stub, and add stubs of its unreported containers."""
        pod = self._pods.get((entity.namespace, entity.pod))
        if pod is None:
            return
        entity.entity_create_ns = pod.start_time_ns
        self._identify(entity, pod)
        for spec in pod.containers:
            if pod_container_key(pod.namespace, pod.name, spec.name) not in self._entities:
                self._stub_container(entity, pod, spec)

    def _identify(self, entity: Entity, pod: ApiPod) -> None:
        """Set the pod's labels and the API's uid, which for static pods differs from the kubelet's."""
        key = pod.namespace, pod.name
        entity_labels = self._entity_labels.get(key)
        if entity_labels is None:
            entity_labels = self._entity_labels[key] = self._rules.entity_labels(pod.labels)
        entity.labels[labels.POD_ID] = pod.uid
        entity.labels.update(entity_labels)

    def _stub_pod(self, container: Entity) -> None:
        self._add_stub(container, POD, pod_key(container.namespace, container.pod))

    def _stub_container(self, entity: Entity, pod: ApiPod, spec: ApiContainer) -> None:
        stub = self._add_stub(entity, POD_CONTAINER, pod_container_key(pod.namespace, pod.name, spec.name))
        stub.container = spec.name
        stub.labels[labels.CONTAINER_NAME] = spec.name
        stub.labels[labels.CONTAINER_BASE_IMAGE] = spec.image
        stub.entity_create_ns = entity.collection_start_ns
        stub.values.update(container_resources(spec, self._problems))
        self._identify(stub, pod)

    def _add_stub(self, sibling: Entity, entity_type: EntityType, key: str) -> Entity:
        """Add an entity without values to the sibling's pod and node."""
        stub = Entity(
            key=key,
            type=entity_type,
            labels={
                labels.TYPE: entity_type,
                labels.NAMESPACE_NAME: sibling.namespace,
                labels.POD_NAME: sibling.pod,
                **{name: sibling.labels[name] for name in labels.NODE_LABELS if name in sibling.labels},
            },
            namespace=sibling.namespace,
            pod=sibling.pod,
        )
        self._entities[key] = stub
        return stub
