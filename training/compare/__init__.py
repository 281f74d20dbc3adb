"""Several evaluations of the same samples side by side, and what of it is more than chance."""
