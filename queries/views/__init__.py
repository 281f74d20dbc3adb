"""The dataset as tables: which files there are, views over them, and what SQL may call."""
