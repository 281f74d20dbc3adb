"""The benchmarks of this stage."""
