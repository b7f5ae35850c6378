"""Sinks of the writer and their options.

- `registry`: creates a sink from the value of --sink.
- `sink`: the protocol of all sinks.
- `config`, `kafka_config`, `filter_options`: options of the sinks, with Heapster's names and defaults.
- `influxdb`, `influxdb_client`, `influxdb_setup`, `influxdb_errors`: InfluxDB: requests, client, set-up, errors.
- `file_sink`, `append_file`: a file or standard output.
- `kafka_sink`: messages of Heapster's Kafka sink.
- `log_sink`: text on standard output.
"""
