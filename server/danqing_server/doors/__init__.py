"""The ways in: each reads what its clients send, shows tasks in their words, and names its paths."""
