"""Grafana dashboards as code.

influxql: queries · panels: panels, variables, rendering · cluster, workloads, pipeline: the dashboards · dashboards:
writes them as JSON files (`python -m deploy.grafana.dashboards`).
"""
