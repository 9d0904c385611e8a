"""DashScope, the provider."""
