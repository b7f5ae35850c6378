"""`scraper --check`: tries the configuration once and says what to do about each failure.

- probe: requests to the API server, the kubelets and Kafka
- diagnosis: findings and the advice for each kind of failure
- report: the output on the terminal
"""
