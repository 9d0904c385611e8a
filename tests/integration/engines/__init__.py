"""The engines below: several servers that are one, TLS, other makes."""
