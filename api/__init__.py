"""The api service: Heapster's APIs and the web page, from the newest fifteen minutes of `derived-metrics` in memory.

In the order of the data flow: ingest: reads the topic · store: fifteen minutes in memory · heapster: the model, export
and historical APIs · metrics_v1beta1: resource metrics · dashboard: the data of the web page (web: its files) · http:
access, compression, responses · status: health and readiness · app: all routes · config, telemetry, __main__
"""
