"""The writer: from derived-metrics into InfluxDB, or the log."""
