"""The scraper: reads the kubelets and the Kubernetes API and publishes one record per node and window to Kafka.

- cluster: the Kubernetes API: list and watch, credentials, the snapshot of the cluster
- kubelet: one kubelet: address, TLS, request, response
- config: the options of `--source`
- rounds: which nodes are scraped by this worker, and when
- producer: records to `kubelet-stats`
- check: `scraper --check`
- log_throttle: one log line for many nodes with the same problem
- telemetry: the scraper's own metrics
"""
