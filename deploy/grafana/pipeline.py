"""What is asked of Prometheus: the pipeline itself (docs/operating.md, 5)."""

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
            "Kubelets asked; the scraper's log says which have failed.",
        ),
        Panel(
            "Windows behind",
            COUNT,
            {
                "behind": "max(heapster_scraper_windows_behind)",
                "missed in an hour": "sum(increase(heapster_scraper_windows_missed_total[1h]))",
            },
        ),
        Panel(
            "A round takes",
            SECONDS,
            {
                "nine of ten": "histogram_quantile(0.9,"
                " sum by (le) (rate(heapster_scraper_round_seconds_bucket[$__rate_interval])))"
            },
        ),
        Panel(
            "Nodes",
            COUNT,
            {"scraped": "sum(heapster_scraper_nodes)", "skipped": "max(heapster_scraper_nodes_skipped)"},
        ),
        Panel(
            "Age of the window processed last",
            SECONDS,
            {"age": "max(time() - heapster_processor_window_end_seconds)"},
        ),
        Panel(
            "Records to be processed and written",
            COUNT,
            {
                "processor, {{topic}}": "sum by (topic) (heapster_processor_lag_records)",
                "writer, {{sink}}": "sum by (sink) (heapster_writer_lag_records)",
                "api": "max(heapster_api_records_behind)",
            },
            "The lag: near 0 is well; if it grows, start more workers.",
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
            "A write request takes",
            SECONDS,
            {
                "{{sink}}, nine of ten": "histogram_quantile(0.9,"
                " sum by (sink, le) (rate(heapster_writer_request_seconds_bucket[$__rate_interval])))"
            },
        ),
        Panel(
            "Age of the oldest window read but not written",
            SECONDS,
            {"{{sink}}": "max by (sink) (time() - (heapster_writer_oldest_uncommitted_seconds > 0))"},
        ),
        Panel(
            "Dead letters in an hour",
            COUNT,
            {
                "processor": "sum(increase(heapster_processor_dead_letters_total[1h]))",
                "writer": "sum(increase(heapster_writer_dead_letters_total[1h]))",
            },
            "heapster-stream dead-letters list says why.",
        ),
        Panel(
            "Rebalances in an hour",
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
