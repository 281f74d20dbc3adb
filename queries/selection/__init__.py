"""Which samples go into a dataset, in which split, and the same ones again."""
