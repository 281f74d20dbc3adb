"""Collects captures: spiders, the game, imports, the frontier and the spool they write to."""
