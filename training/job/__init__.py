"""Training on Ray: workers, restarts, sweeps."""
