"""The network: trunk, heads and their targets, cells, decoding, and the file that holds it all."""
