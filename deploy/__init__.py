"""How it is deployed, beside docker-compose.yml."""
