"""SQL over the metadata: what is in a dataset, and what goes into a selection."""
