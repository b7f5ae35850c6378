"""HTTP: access control, compression, path cleaning, client certificates, responses, list streaming, static files."""
