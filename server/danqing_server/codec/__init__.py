"""Untyped data made typed and back: JSON bodies, and MongoDB documents."""
