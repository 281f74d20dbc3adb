"""Coordinates and names to countries, regions and towns."""
