"""Seedance: videos by orders."""
