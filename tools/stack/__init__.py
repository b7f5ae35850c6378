"""The local stack: a real Kafka and a real InfluxDB without Docker, for the demo and the tests. Not shipped."""
