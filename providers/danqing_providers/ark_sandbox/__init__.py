"""The Ark sandbox: a local simulator of Volcengine Ark's image API."""
