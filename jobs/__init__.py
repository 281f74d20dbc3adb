"""Verbs of `lostfound` as jobs of a Ray cluster: what is sent there, and what came of it."""
