"""Carrying tasks out: the lanes of a process, one attempt from start to end, and what the dead left."""
