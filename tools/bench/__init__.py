"""The bench: what each stage costs, on recorded records and on the real Kafka and InfluxDB."""
