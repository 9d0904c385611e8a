"""Gemini as it answers on the wire. Sources are named in each module."""
