"""The polite HTTP client: identified, within robots.txt and budgets, bounded in all it takes."""
