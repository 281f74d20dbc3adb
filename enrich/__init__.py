"""From captures to metadata rows: decode, judge, resize, geocode, find duplicates."""
