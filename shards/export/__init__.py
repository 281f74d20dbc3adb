"""`export`: a shard set in the formats of other tools.

One shard makes one task, whose files depend on nothing but that shard and the format: the same
input gives the same bytes, and what an interrupted export had finished is kept.
"""
