"""What describes a shard directory: the card, its map, and a Croissant file.

All of it is made from the directory and its manifest alone: whoever changes shards makes it anew.
"""
