"""writer.pipeline."""
