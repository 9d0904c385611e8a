"""Texts: answers and translations by the Seed models."""
