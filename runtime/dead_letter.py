"""Headers of dead letters: records that fail permanently, stored unchanged with the reason and their origin."""

import time

REASON = "reason"
TOPIC = "topic"
PARTITION = "partition"
OFFSET = "offset"
REJECTED_BY = "rejected-by"
SINK = "sink"  # the sink that refused the record; only in dead letters of the writer
REJECTED_AT = "rejected-at"
RECORD_TIME_MS = "record-time-ms"
SENT_AGAIN = "sent-again"
"""The only header of a marker record in a dead-letter topic: TOPIC/PARTITION/OFFSET of a record sent again."""
LEFT_OUT_BYTES = "left-out-bytes"  # size of a value that Kafka refused in the dead-letter topic
_LONGEST_REASON = 2000


def headers(
    reason: str, *, topic: str, partition: int, offset: int, by: str, time_ms: int | None = None
) -> dict[str, bytes]:
    """Headers of a dead letter: why, by which service and when (RFC 3339); origin and timestamp of its record."""
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
    """Header of a dead letter stored without its value; the record stays in its own topic until retention ends."""
    return {LEFT_OUT_BYTES: str(value_bytes).encode()}
