"""From a client's request to a task that is safe: checked, its pictures taken out, stored, queued."""
