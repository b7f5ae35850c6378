"""processor.agents."""
