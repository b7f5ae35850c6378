"""writer.lines."""
