"""The Faust application: reads and writes Kafka topics, keeps tables, acknowledges finished records.

app                 wires everything together
broker_settings     Kafka settings for Faust's client
consumer            delivers the records of a partition in order
node_agent          `kubelet-stats` to node batches and group totals
group_agent         `group-sums` to group batches
changelog_table     the tables of both agents
output              topics that the agents write
producer            sends records
ack_tracker         acknowledges records whose sends are done
flush_loops         flush the agents regularly
watchdog            detects a stall
readiness           readiness and gauges
"""
