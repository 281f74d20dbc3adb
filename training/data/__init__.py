"""From shards to batches: which samples, in which order, as which pixels."""
