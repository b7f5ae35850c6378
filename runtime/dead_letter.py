"""Dead letters: records that no retry would mend, kept as they came, with headers that say why and where from."""

import time

REASON = "reason"
TOPIC = "topic"
PARTITION = "partition"
OFFSET = "offset"
REJECTED_BY = "rejected-by"
SINK = "sink"  # the one that refuses it, where the writer does
REJECTED_AT = "rejected-at"
RECORD_TIME_MS = "record-time-ms"
SENT_AGAIN = "sent-again"
"""Alone, of a mark beside the letters: TOPIC/PARTITION/OFFSET of a record that has been sent again."""
LEFT_OUT_BYTES = "left-out-bytes"  # of a value that Kafka did not take again
_LONGEST_REASON = 2000


def headers(
    reason: str, *, topic: str, partition: int, offset: int, by: str, time_ms: int | None = None
) -> dict[str, bytes]:
    """Headers of a dead letter: why, from which record, of which time, by which service and when (RFC 3339)."""
    of_record = {} if time_ms is None else {RECORD_TIME_MS: str(time_ms).encode()}
    return of_record | {
        REASON: reason[:_LONGEST_REASON].encode(),
        TOPIC: topic.encode(),
        PARTITION: str(partition).encode(),
        OFFSET: str(offset).encode(),
        REJECTED_BY: by.encode(),
        REJECTED_AT: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()).encode(),
    }


def left_out(value_bytes: int) -> dict[str, bytes]:
    """The header of a letter without its value: the record itself stays in its topic until its retention."""
    return {LEFT_OUT_BYTES: str(value_bytes).encode()}
