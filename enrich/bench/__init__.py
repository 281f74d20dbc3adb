"""The benchmarks of this stage, each against a named baseline in the same run."""
