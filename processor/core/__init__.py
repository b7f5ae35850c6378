"""processor.core."""
