"""The Grafana dashboard of the pipeline itself, from Prometheus."""

from typing import Final

from deploy.grafana.panels import BYTES, COUNT, PER_S, SECONDS, Dashboard, Panel

PIPELINE: Final = Dashboard(
    "pipeline",
    "Pipeline",
    (
        Panel(
            "Scrapes",
            PER_S,
            {"{{outcome}}": "sum by (outcome) (rate(heapster_scraper_scrapes_total[$__rate_interval]))"},
            "Kubelet scrapes per second. The scraper's log names the nodes that failed.",
        ),
        Panel(
            "Windows behind",
            COUNT,
            {
                "behind": "max(heapster_scraper_windows_behind)",
                "missed per hour": "sum(increase(heapster_scraper_windows_missed_total[1h]))",
            },
        ),
        Panel(
            "Duration of a scrape round",
            SECONDS,
            {
                "90th percentile": "histogram_quantile(0.9,"
                " sum by (le) (rate(heapster_scraper_round_seconds_bucket[$__rate_interval])))"
            },
        ),
        Panel(
            "Nodes",
            COUNT,
            {"scraped": "sum(heapster_scraper_nodes)", "skipped": "max(heapster_scraper_nodes_skipped)"},
        ),
        Panel(
            "Age of the last processed window",
            SECONDS,
            {"age": "max(time() - heapster_processor_window_end_seconds)"},
        ),
        Panel(
            "Consumer lag",
            COUNT,
            {
                "processor, {{topic}}": "sum by (topic) (heapster_processor_lag_records)",
                "writer, {{sink}}": "sum by (sink) (heapster_writer_lag_records)",
                "api": "max(heapster_api_records_behind)",
            },
            "Records not processed or written yet. Normal: close to 0. If it grows, start more workers.",
        ),
        Panel(
            "Points written",
            PER_S,
            {"{{sink}}": "sum by (sink) (rate(heapster_writer_points_written_total[$__rate_interval]))"},
        ),
        Panel(
            "Write requests",
            PER_S,
            {"{{sink}} {{outcome}}": "sum by (sink, outcome) (rate(heapster_writer_requests_total[$__rate_interval]))"},
        ),
        Panel(
            "Duration of a write request",
            SECONDS,
            {
                "{{sink}}, 90th percentile": "histogram_quantile(0.9,"
                " sum by (sink, le) (rate(heapster_writer_request_seconds_bucket[$__rate_interval])))"
            },
        ),
        Panel(
            "Age of the oldest window that is read but not written",
            SECONDS,
            {"{{sink}}": "max by (sink) (time() - (heapster_writer_oldest_uncommitted_seconds > 0))"},
        ),
        Panel(
            "Dead letters per hour",
            COUNT,
            {
                "processor": "sum(increase(heapster_processor_dead_letters_total[1h]))",
                "writer": "sum(increase(heapster_writer_dead_letters_total[1h]))",
            },
            "Run heapster-stream dead-letters list to see the reasons.",
        ),
        Panel(
            "Rebalances per hour",
            COUNT,
            {
                "scraper": "sum(increase(heapster_scraper_rebalances_total[1h]))",
                "processor": "sum(increase(heapster_processor_rebalances_total[1h]))",
                "writer": "sum(increase(heapster_writer_rebalances_total[1h]))",
            },
        ),
        Panel("Memory", BYTES, {"{{job}} {{instance}}": "process_resident_memory_bytes"}),
        Panel("CPU", COUNT, {"{{job}} {{instance}}": "rate(process_cpu_seconds_total[$__rate_interval])"}),
    ),
)
