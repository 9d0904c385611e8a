"""Backups of a running system, and what is made of them."""
