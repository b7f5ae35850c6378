"""What may be odd in a scrape: left out or worked around, never a reason to lose the node, and counted."""

from collections import Counter
from enum import StrEnum
from typing import TypeAlias


class Problem(StrEnum):
    """One kind of oddity; the value is its name in the processor's telemetry."""

    LENIENT_JSON = "document only readable leniently"  # NaN, bytes that are not UTF-8, half a surrogate pair
    MALFORMED = "malformed structure"  # text where an object is expected, and the like
    NOT_A_WHOLE_NUMBER = "not a whole number"  # fractional, with an exponent, quoted, true
    NOT_A_NUMBER = "not a number"  # where a fraction would do
    NEGATIVE = "negative number"
    PAST_64_BITS = "number past 64 bits"
    SUM_PAST_64_BITS = "sum past 64 bits"
    UNREADABLE_TIME = "unreadable time"
    UNREADABLE_QUANTITY = "unreadable quantity"
    NODE_NAME_MISMATCH = "node name mismatch"  # between the document and the API
    UNNAMED_POD = "pod without name or namespace"
    UNNAMED_CONTAINER = "container without name"
    UNKNOWN_CUSTOM_TYPE = "custom metric of unknown type"
    VALUE_TYPE_MISMATCH = "value type mismatch"  # int and float under one name
    COUNTER_RESET = "counter reset"
    POD_OF_ANOTHER_NODE = "pod of another node"  # by the API: left out of the groups' sums here


Problems: TypeAlias = Counter[str]
"""How often each was met, by `Problem`."""
