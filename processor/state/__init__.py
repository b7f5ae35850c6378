"""processor.state."""
