"""One sink's pipeline, in the order of the data flow: consume, batch, deliver, commit.

- `sink_worker`: the loop of one sink, which drives the modules below.
- `consumer`: the consumer of `derived-metrics`.
- `write_batch`, `batch_versions`: the records of one write, and the group batches that are out of date.
- `write_requests`: their lines as write requests, and the bad lines of a refused request.
- `delivery`: sends the requests, retrying with back-off.
- `dead_letters`: sends unreadable records and refused lines to the dead-letter topic.
- `outage_log`, `worker_status`: log messages, readiness and metrics.
"""
