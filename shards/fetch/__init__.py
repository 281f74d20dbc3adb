"""`fetch`: the images that meet a condition, out of a shard set that stays where it is.

The manifest says which files there are, the footer of each metadata file where its columns stand.
Only the columns that the condition names are read, then the places of the samples that meet it,
then those bytes of the tars: an image and, right behind it, its JSON.
"""
