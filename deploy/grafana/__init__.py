"""Dashboards for Grafana, made from a description: `python -m deploy.grafana.dashboards`."""
