"""What this process counts and shows of itself: metrics and traces. Loaded only where somebody wants it."""
