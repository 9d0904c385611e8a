"""The picture storage: fetch, check, keep, and give back."""
