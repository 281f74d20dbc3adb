"""Photographs that are already on disk become captures like any others."""
