"""Ark over real HTTP."""
