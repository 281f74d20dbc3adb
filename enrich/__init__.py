"""Judges and labels captures: pixels once, place names, duplicates."""
