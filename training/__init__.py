"""Training and evaluation: shards in, one deployable model file and its measured quality out."""
