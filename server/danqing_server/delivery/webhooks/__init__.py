"""Webhooks: what happens to tasks is posted to URLs that clients name, at least once, signed."""
