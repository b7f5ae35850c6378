"""What every process needs, apart from its own work.

- flags: command-line flags, each also an environment variable
- uri, influxdb, duration: `--source` and `--sink` URIs, InfluxDB's options, durations
- kafka_properties, kafka: `--kafka-config` and the settings of every Kafka client
- topics, topic_reader, dead_letter: create topics, read parts of a topic, headers of dead letters
- backoff, errors, error_reason: pauses between attempts, error classes, short reasons for people
- logs, metrics, health, probe: logging, Prometheus metrics, /healthz and /readyz, the check that Kafka is reachable
- memory, shutdown: settings of the memory allocator, graceful shutdown on signals
"""
