"""salespilot."""
