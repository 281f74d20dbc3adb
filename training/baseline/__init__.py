"""The human baseline: people guess countries of held-out photographs, beside the model."""
