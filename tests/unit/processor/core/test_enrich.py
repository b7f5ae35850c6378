from collections import Counter
from collections.abc import Mapping

import pytest

from processor.core.aggregate import sum_containers
from processor.core.enrich import enrich_namespaces, enrich_pods
from processor.core.entity import Entities, Entity
from processor.core.labels import LabelRules
from processor.core.problems import Problem, Problems
from processor.core.resources import container_resources
from schemas.catalogue import POD, POD_CONTAINER
from schemas.keys import pod_container_key, pod_key
from schemas.node_scrape import ApiContainer, ApiNamespace, ApiPod

NODE_LABELS = {"nodename": "n1", "hostname": "h1", "host_id": "i-1"}
POD1 = "namespace:ns1/pod:pod1"
C1, NGINX = f"{POD1}/container:c1", f"{POD1}/container:nginx"
API_POD1 = ApiPod(
    namespace="ns1",
    name="pod1",
    uid="api-uid",
    node="n1",
    start_time_ns=100,
    labels={"app": "web"},
    restarts={"c1": 3},
    containers=(
        ApiContainer(name="c1", image="c1:1.0", requests={"cpu": "100m", "memory": "555", "ephemeral-storage": "1000"}),
        ApiContainer(
            name="nginx",
            image="nginx:1.13",
            requests={
                "cpu": "333m",
                "memory": "1000",
                "ephemeral-storage": "2000",
                "example.com/resource1": "2",
            },
            limits={
                "cpu": "2222m",
                "memory": "3333",
                "ephemeral-storage": "5000",
                "example.com/resource1": "2",
            },
        ),
    ),
)


def pod(namespace: str = "ns1", name: str = "pod1") -> Entity:
    return Entity(
        key=pod_key(namespace, name),
        type=POD,
        labels={
            **NODE_LABELS,
            "type": "pod",
            "namespace_name": namespace,
            "pod_name": name,
            "pod_id": "kubelet-uid",
        },
        namespace=namespace,
        pod=name,
        collection_start_ns=50,
    )


def container(name: str, namespace: str = "ns1", pod_name: str = "pod1") -> Entity:
    return Entity(
        key=pod_container_key(namespace, pod_name, name),
        type=POD_CONTAINER,
        labels={**pod(namespace, pod_name).labels, "type": "pod_container", "container_name": name},
        namespace=namespace,
        pod=pod_name,
        container=name,
        collection_start_ns=60,
    )


def entities_of(*entities: Entity) -> Entities:
    return {entity.key: entity for entity in entities}


def enriched(*reported: Entity, api: ApiPod = API_POD1, rules: LabelRules | None = None) -> Entities:
    entities = entities_of(*reported)
    enrich_pods(entities, [api], rules or LabelRules(), Counter())
    return entities


@pytest.mark.parametrize(
    "reported",
    [
        pytest.param([container("c1"), pod()], id="a container and the pod"),
        pytest.param([container("c1")], id="a container only"),
        pytest.param([pod()], id="the pod only"),
    ],
)
def test_the_pod_is_complete_whichever_part_is_reported(reported: list[Entity]) -> None:
    entities = enriched(*reported)
    sum_containers(entities, Counter())
    assert entities.keys() == {POD1, C1, NGINX}
    assert entities[POD1].values == {
        "cpu/request": 433,
        "memory/request": 1555,
        "ephemeral_storage/request": 3000,
        "cpu/limit": 2222,
        "memory/limit": 3333,
        "ephemeral_storage/limit": 5000,
        "example.com/resource1/request": 2,
        **({"restart_count": 3} if any(entity.key == C1 for entity in reported) else {}),
    }
    assert {name: value for name, value in entities[C1].values.items() if name != "restart_count"} == {
        "cpu/request": 100,
        "memory/request": 555,
        "ephemeral_storage/request": 1000,
        "cpu/limit": 0,
        "memory/limit": 0,
        "ephemeral_storage/limit": 0,
    }


def test_a_reported_container_gets_image_uid_labels_restarts_and_the_pods_start_time() -> None:
    entity = enriched(container("c1"), pod())[C1]
    assert entity.labels == {
        **NODE_LABELS,
        "type": "pod_container",
        "namespace_name": "ns1",
        "pod_name": "pod1",
        "pod_id": "api-uid",
        "container_name": "c1",
        "container_base_image": "c1:1.0",
        "labels": "app:web",
    }
    assert entity.values["restart_count"] == 3
    assert entity.entity_create_ns == 100
    assert entity.collection_start_ns == 60


def test_a_container_without_a_status_has_no_restart_count_and_no_creation_time() -> None:
    entity = enriched(container("nginx"), pod())[NGINX]
    assert "restart_count" not in entity.values
    assert entity.entity_create_ns is None


def test_a_stub_container_has_requests_and_limits_and_the_pods_identity_but_no_status() -> None:
    stub = enriched(container("c1"), pod())[NGINX]
    assert stub.labels == {
        **NODE_LABELS,
        "type": "pod_container",
        "namespace_name": "ns1",
        "pod_name": "pod1",
        "pod_id": "api-uid",
        "container_name": "nginx",
        "container_base_image": "nginx:1.13",
        "labels": "app:web",
    }
    assert stub.values == {
        "cpu/request": 333,
        "memory/request": 1000,
        "ephemeral_storage/request": 2000,
        "cpu/limit": 2222,
        "memory/limit": 3333,
        "ephemeral_storage/limit": 5000,
        "example.com/resource1/request": 2,
    }
    assert (stub.entity_create_ns, stub.collection_start_ns, stub.scrape_ns) == (50, None, None)


def test_a_stub_pod_is_on_its_containers_node() -> None:
    stub = enriched(container("c1"))[POD1]
    assert stub.labels == {
        **NODE_LABELS,
        "type": "pod",
        "namespace_name": "ns1",
        "pod_name": "pod1",
        "pod_id": "api-uid",
        "labels": "app:web",
    }
    assert (stub.entity_create_ns, stub.collection_start_ns, stub.scrape_ns) == (100, None, None)


def test_a_pod_gets_uid_labels_and_start_time() -> None:
    entity = enriched(pod())[POD1]
    assert entity.labels["pod_id"] == "api-uid"
    assert entity.labels["labels"] == "app:web"
    assert (entity.entity_create_ns, entity.collection_start_ns) == (100, 50)


def test_a_pod_unknown_to_the_api_stays_as_reported() -> None:
    reported = entities_of(pod("ns1", "gone"), container("c1", "ns1", "gone"))
    enrich_pods(reported, [API_POD1], LabelRules(), Counter())
    assert reported == entities_of(pod("ns1", "gone"), container("c1", "ns1", "gone"))


def test_pods_are_identified_by_namespace_and_name() -> None:
    other = enriched(pod("ns2", "pod1"))
    assert other == entities_of(pod("ns2", "pod1"))


def test_a_container_not_in_the_spec_has_the_pods_labels_but_no_requests() -> None:
    init = enriched(container("init"), container("c1"), container("nginx"), pod())[f"{POD1}/container:init"]
    assert init.values == {}
    assert init.labels["pod_id"] == "api-uid"
    assert init.labels["labels"] == "app:web"
    assert "container_base_image" not in init.labels


def test_a_stored_label_replaces_only_the_label_with_its_name() -> None:
    entities = enriched(container("c1"), pod(), rules=LabelRules(store={"app": "pod_name"}))
    assert {entity.labels["pod_name"] for entity in entities.values()} == {"web"}
    assert entities.keys() == {POD1, C1, NGINX}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        pytest.param(
            ApiContainer(name="c", image="i"),
            {
                "cpu/request": 0,
                "cpu/limit": 0,
                "memory/request": 0,
                "memory/limit": 0,
                "ephemeral_storage/request": 0,
                "ephemeral_storage/limit": 0,
            },
            id="nothing set: zeros",
        ),
        pytest.param(
            ApiContainer(
                name="c",
                image="i",
                requests={
                    "cpu": "1.5m",
                    "memory": "100m",
                    "nvidia.com/gpu": "1",
                    "hugepages-2Mi": "4Mi",
                    "example.com/x": "1500m",
                },
                limits={"cpu": "0.1", "memory": "123Mi", "ephemeral-storage": "1k", "example.com/y": "1"},
            ),
            {
                "cpu/request": 2,
                "cpu/limit": 100,
                "memory/request": 1,
                "memory/limit": 128_974_848,
                "ephemeral_storage/request": 0,
                "ephemeral_storage/limit": 1000,
                "nvidia.com/gpu/request": 1,
                "hugepages-2Mi/request": 4_194_304,
                "example.com/x/request": 2,
            },
            id="rounded up; other resources have a request only",
        ),
    ],
)
def test_requests_and_limits(container: ApiContainer, expected: Mapping[str, int]) -> None:
    problems: Problems = Counter()
    assert container_resources(container, problems) == expected
    assert not problems


@pytest.mark.parametrize(
    ("quantity", "problem"),
    [
        pytest.param("lots", Problem.UNREADABLE_QUANTITY, id="not a quantity"),
        pytest.param("-1", Problem.UNREADABLE_QUANTITY, id="negative"),
        pytest.param("10E", Problem.PAST_64_BITS, id="millicores past 64 bits"),
    ],
)
def test_an_unreadable_quantity_is_absent_not_zero(quantity: str, problem: Problem) -> None:
    problems: Problems = Counter()
    found = container_resources(ApiContainer(name="c", image="i", requests={"cpu": quantity}), problems)
    assert "cpu/request" not in found
    assert found["memory/request"] == 0
    assert problems == {problem: 1}


def test_pods_and_containers_get_the_uid_of_their_namespace_if_it_is_known() -> None:
    entities = entities_of(pod("default"), container("c1", "default"), pod("ghost"), container("c1", "ghost"))
    enrich_namespaces(entities, [ApiNamespace(name="default", uid="ns-uid", nodes=1)])
    assert {key: entity.labels.get("namespace_id") for key, entity in entities.items()} == {
        "namespace:default/pod:pod1": "ns-uid",
        "namespace:default/pod:pod1/container:c1": "ns-uid",
        "namespace:ghost/pod:pod1": None,
        "namespace:ghost/pod:pod1/container:c1": None,
    }
