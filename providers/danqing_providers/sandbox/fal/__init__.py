"""fal's queue as it answers on the wire."""
