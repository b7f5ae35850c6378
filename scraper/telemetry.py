"""The scraper's figures about itself."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

scrapes: Final = Counter("heapster_scraper_scrapes", "Kubelets asked, by what came of it.", ["outcome"])
duration: Final = Histogram("heapster_scraper_scrape_seconds", "From request to answer or failure.")
records: Final = Counter("heapster_scraper_records", "Records for kubelet-stats, by what came of them.", ["outcome"])
watches: Final = Counter("heapster_scraper_watches", "Lists and watches begun.", ["resource", "kind"])
missed: Final = Counter("heapster_scraper_windows_missed", "Windows that passed while a round was late.")
nodes: Final = Gauge("heapster_scraper_nodes", "Nodes scraped here in the last window.")
skipped: Final = Gauge("heapster_scraper_nodes_skipped", "Nodes that are not ready or have no valid address.")
clock_offset: Final = Gauge("heapster_scraper_clock_offset_seconds", "A kubelet's clock minus the scraper's.", ["node"])
