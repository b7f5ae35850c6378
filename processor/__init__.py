"""Processor: computes rates, labels, sums and utilization; reads kubelet-stats, writes derived-metrics.

__main__    the command: flags, start and shutdown
config      configuration of a worker
agents      Faust: reads and writes topics and tables
state       pure: state of partitions, totals of groups
core        pure: one scrape to metric sets
telemetry   the processor's own Prometheus metrics
"""
