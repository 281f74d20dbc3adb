"""Open sources of street-level photographs: one small adapter each, over shared parts."""
