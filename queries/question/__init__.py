"""A question in SQL: checked, run, and shown."""
