"""Deployment: dashboards for Grafana and the configuration of Prometheus, used by docker-compose.yml."""
