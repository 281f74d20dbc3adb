"""The benchmarks of this stage: `lostfound bench …`."""
