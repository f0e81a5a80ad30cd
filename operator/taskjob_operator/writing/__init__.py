"""Writing statuses: when (the budget), how fast (the pace), and what the API server's answers mean."""
