"""Replicate's predictions API as it answers on the wire."""
