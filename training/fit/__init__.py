"""The training loop and what it keeps on disk. Knows nothing of Ray."""
