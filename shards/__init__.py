"""The on-disk format: keys, records, segments, shards, manifests, and what reads and checks them.

Imports nothing else of this project; every other stage builds on it.
"""
