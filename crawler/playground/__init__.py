"""A geography game on loopback: a deterministic world, its pictures, and the pages to play it."""
