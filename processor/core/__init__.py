"""Pure functions from one scrape of one node to its metric sets, in the order of Heapster's processors.

derive                entry point: runs the steps in order
json_block            typed access to the kubelet's JSON
timestamps            RFC 3339 times in the JSON
entity                a node, pod or container while its metric set is computed
decode                the Summary to entities
summary_fields        Summary fields to metrics
extended              Summary fields that Heapster does not read
sample                counters kept for the next scrape's rates
rates                 counters of two samples to rates
cadvisor              lines of `/metrics/cadvisor`
disks                 cadvisor's values, with rates for each disk
enrich                labels, requests and restarts from the Kubernetes API
labels                label names, `--store-label` and `--ignore-label`
resources             requests and limits of a container
quantity              Kubernetes quantities
group_contributions   a node's share of the sums of its groups
aggregate             sums over containers and pods
utilization           a node's capacity, utilization and reservation
ratios                usage relative to requests, limits and the node
scrape_metrics        metrics about the scrape itself
problems              kinds of problems found in a scrape
"""
