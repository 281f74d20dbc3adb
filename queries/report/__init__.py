"""What a report about a dataset says and shows."""
