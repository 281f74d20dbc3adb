"""Bytes to pixels: the formats, their limits and damages, panoramas, faces and plates."""
