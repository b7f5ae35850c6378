"""scraper.kubelet."""
