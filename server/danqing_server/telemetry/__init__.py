"""What this process counts and shows of itself: metrics for Prometheus. Loaded only where somebody wants it."""
