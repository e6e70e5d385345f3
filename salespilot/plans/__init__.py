"""Plans: what to decide, from what the reports found."""
