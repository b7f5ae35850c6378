"""scraper.rounds."""
