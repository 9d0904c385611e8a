"""Gemini, the provider."""
