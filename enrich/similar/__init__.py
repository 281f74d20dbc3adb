"""Near-duplicate photographs: fingerprints, candidates among them, the look at both pictures."""
