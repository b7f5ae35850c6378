"""What every process needs: flags and URIs, durations, Kafka settings, logs, figures about itself."""
