"""Problems found in a scrape: the affected value is dropped or corrected and counted; the node is always kept."""

from collections import Counter
from enum import StrEnum
from typing import TypeAlias


class Problem(StrEnum):
    """One kind of problem; the value is the label value of `heapster_processor_problems_total`."""

    LENIENT_JSON = "document only readable leniently"  # NaN, bytes that are not UTF-8, half a surrogate pair
    MALFORMED = "malformed structure"  # for example a string where an object is expected
    NOT_A_WHOLE_NUMBER = "not a whole number"  # fractional, with an exponent, quoted or a boolean
    NOT_A_NUMBER = "not a number"  # where fractions are allowed
    NEGATIVE = "negative number"
    PAST_64_BITS = "number past 64 bits"
    SUM_PAST_64_BITS = "sum past 64 bits"
    UNREADABLE_TIME = "unreadable time"
    UNREADABLE_QUANTITY = "unreadable quantity"
    NODE_NAME_MISMATCH = "node name mismatch"  # the document and the Kubernetes API name the node differently
    UNNAMED_POD = "pod without name or namespace"
    UNNAMED_CONTAINER = "container without name"
    UNKNOWN_CUSTOM_TYPE = "custom metric of unknown type"
    VALUE_TYPE_MISMATCH = "value type mismatch"  # int and float values of one metric
    COUNTER_RESET = "counter reset"
    POD_OF_ANOTHER_NODE = "pod of another node"  # the API assigns it to another node: not summed here


Problems: TypeAlias = Counter[str]
"""Occurrences, by `Problem`."""
