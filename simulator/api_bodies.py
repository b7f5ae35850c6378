"""What the API server writes: lists, and the events of a watch, a line each. The objects in them are bytes already."""

import orjson

from simulator import status
from simulator.objects import KINDS, Resource
from simulator.pages import Page
from simulator.store import Change, GoneError


def list_body(resource: Resource, page: Page) -> bytes:
    """The answer to a list."""
    metadata: dict[str, object] = {"resourceVersion": str(page.listing.version)}
    if page.continued:
        metadata |= {"continue": page.continued, "remainingItemCount": page.remaining}
    head = orjson.dumps({"kind": KINDS[resource] + "List", "apiVersion": "v1", "metadata": metadata})
    return head[:-1] + b',"items":[' + b",".join(page.listing.bodies) + b"]}\n"


def event(resource: Resource, change: Change) -> bytes:
    """One change: ADDED, MODIFIED or DELETED."""
    kind = f'{{"type":"{change.type}","object":{{"kind":"{KINDS[resource]}","apiVersion":"v1",'
    return kind.encode() + change.body[1:] + b"}\n"


def bookmark(resource: Resource, version: int) -> bytes:
    """A BOOKMARK: the watch has told everything up to this version."""
    metadata = {"resourceVersion": str(version), "creationTimestamp": None}
    marked = {"kind": KINDS[resource], "apiVersion": "v1", "metadata": metadata}
    return orjson.dumps({"type": "BOOKMARK", "object": marked}) + b"\n"


def gone_event(error: GoneError) -> bytes:
    """The ERROR that ends a watch from a version whose changes are not kept."""
    return b'{"type":"ERROR","object":' + status.failure(410, str(error)) + b"}\n"
