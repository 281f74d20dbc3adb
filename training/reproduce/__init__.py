"""The report's experiments beside ours: recipes, the table of both, and what the report printed."""
