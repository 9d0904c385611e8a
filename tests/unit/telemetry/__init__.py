"""The metrics, without servers."""
