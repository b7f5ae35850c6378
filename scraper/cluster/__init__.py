"""scraper.cluster."""
