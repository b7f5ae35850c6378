"""Labels: their names, and how the labels of a Kubernetes object are copied to its entity.

Source: Heapster's label copier (docs/labels.md, labels of the entities).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

TYPE: Final = "type"
NODENAME: Final = "nodename"
HOSTNAME: Final = "hostname"
HOST_ID: Final = "host_id"
NAMESPACE_NAME: Final = "namespace_name"
NAMESPACE_ID: Final = "namespace_id"
POD_NAME: Final = "pod_name"
POD_ID: Final = "pod_id"
CONTAINER_NAME: Final = "container_name"
CONTAINER_BASE_IMAGE: Final = "container_base_image"
LABELS: Final = "labels"
RESOURCE_ID: Final = "resource_id"
MAKE: Final = "make"
MODEL: Final = "model"
ACCELERATOR_ID: Final = "accelerator_id"
INTERFACE: Final = "interface"
PVC: Final = "pvc"
WORKLOAD: Final = "workload"
WORKLOAD_KIND: Final = "workload_kind"

NODE_LABELS: Final = (NODENAME, HOSTNAME, HOST_ID)
"""The labels that say on which node an entity runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRules:
    """Which labels of an object are copied, and how; the defaults are Heapster's."""

    separator: str = ","
    store: Mapping[str, str] = field(default_factory=dict)  # the object's label -> the entity's label
    ignore: frozenset[str] = frozenset()

    def entity_labels(self, object_labels: Mapping[str, str]) -> dict[str, str]:
        """The entity's labels: each stored label, and all labels of the object joined in the label `labels`.

        They overwrite labels that the entity already has; `labels` is written last. Ignored labels are left out of
        `labels` only.
        """
        copied = {mapped: object_labels[name] for name, mapped in self.store.items() if name in object_labels}
        # as in Heapster, the "name:value" pairs are sorted, not the names: `.` and `/` sort before `:`
        pairs = sorted(f"{name}:{value}" for name, value in object_labels.items() if name not in self.ignore)
        copied[LABELS] = self.separator.join(pairs)
        return copied


def stored_labels(values: Iterable[str]) -> dict[str, str]:
    """Parse `--store-label` values, each a comma-separated list of `name` or `newName=name`: label name -> new name.

    Raises:
        ValueError: a name is missing, or one label is stored under two names.
    """
    store: dict[str, str] = {}
    for item in _items(values):
        mapped, equals, name = item.partition("=")
        if not equals:
            name = mapped
        if not mapped or not name or "=" in name:
            raise ValueError(f"{item!r} is neither a label name nor newName=name")
        if store.setdefault(name, mapped) != mapped:
            raise ValueError(f"label {name!r} is stored as {store[name]!r} and as {mapped!r}; choose one name")
    return store


def ignored_labels(values: Iterable[str]) -> frozenset[str]:
    """Parse `--ignore-label` values, each a comma-separated list of label names.

    Raises:
        ValueError: a name is missing or contains `=`.
    """
    names = frozenset(_items(values))
    for name in sorted(names):
        if "=" in name:
            raise ValueError(f"{name!r} is not a label name: it contains =")
    return names


def _items(values: Iterable[str]) -> list[str]:
    items = []
    for value in values:
        for item in value.split(","):
            if not item.strip():
                raise ValueError(f"{value!r} contains an empty label name")
            items.append(item.strip())
    return items
