"""The danqing task server."""
