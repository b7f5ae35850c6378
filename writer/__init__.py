"""The writer: reads `derived-metrics` from Kafka and writes it to InfluxDB, a file, Kafka or the log.

In the order of the data flow:

- `__main__`: the command, its flags, one thread per sink.
- `pipeline/`: consume, batch, deliver, commit.
- `lines/`: pure rendering of metric batches to line protocol, JSON and text.
- `sinks/`: the sinks and their options.
- `telemetry`: the writer's own metrics.
"""
