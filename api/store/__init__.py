"""The newest fifteen minutes of metrics in memory. Pure: no clock, network or Kafka.

In the order of the data flow: packed_batch: a batch as schema and packed numbers (layout) · batch_schema: the series
of a batch · row: one kept window · store: all kept windows · current_view: what counts as current · snapshot: one
consistent view for several requests · times: RFC 3339 as Go reads it
"""
