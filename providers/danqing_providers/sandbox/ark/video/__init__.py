"""Ark's video tasks: `/api/v3/contents/generations/tasks`."""
