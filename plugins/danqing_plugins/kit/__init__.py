"""What a provider of a paid HTTP service needs, once: see `docs/plugins.md`, "Talking to a service".

Nothing is imported here: each module is imported by its own name, and costs only who uses it.
"""
