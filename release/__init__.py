"""What makes a release: its files, the lists of what is in them, and the checks (docs/releasing.md)."""
