"""Ark, without the network."""
