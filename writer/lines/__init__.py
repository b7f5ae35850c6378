"""Pure rendering of metric batches into what a sink writes, in the order of the data flow.

- `filters`: the metric sets, values and labels that a sink accepts.
- `render`: a batch as InfluxDB line protocol; takes the fast path below where it can.
- `render_columns`, `row_template`: the fast path, from the columns of a batch.
- `tags`, `measurement_names`, `line_protocol`: tags, names, escaping and numbers of a line.
- `point_schema`: the options of line protocol, and the result of rendering.
- `render_json`: a batch as the messages of Heapster's Kafka sink.
- `render_text`: a batch as the text of Heapster's log sink.
"""
