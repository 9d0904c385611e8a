"""Backups: all documents and the pictures that they name, taken while the server runs, verified, and put back."""
