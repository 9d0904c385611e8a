"""The sandbox without its network."""
