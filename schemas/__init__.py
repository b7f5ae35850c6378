"""The contract between the services: records, their encoding, metrics and topics. Pure.

- topics, catalogue: names and settings of topics; all metrics
- codec: Avro single-object encoding with the schemas in `versions/`
- node_scrape: the record of `kubelet-stats`; kubelet_json, cadvisor: the kubelet's data in it
- node_sample, counters: the processor's state of a node
- group_sum: the records of `group-sums`; workload: the workload of a pod
- metric_batch, metric_set, keys: the record of `derived-metrics`; columns, rows: write and read its metric sets
"""
