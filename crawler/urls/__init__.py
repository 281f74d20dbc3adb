"""Lists of picture addresses: reading them in ranges, downloading them, and how fast that is."""
