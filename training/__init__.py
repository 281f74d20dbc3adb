"""Models that predict country and coordinates from a photograph: data, loop, metrics, use."""
