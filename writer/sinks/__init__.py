"""writer.sinks."""
