"""scraper.check."""
